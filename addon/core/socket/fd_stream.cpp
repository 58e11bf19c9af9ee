#include "core/socket/fd_stream.h"

#include <fcntl.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace holdfast {
namespace {

/// Takes every descriptor that came along, so that none leaks whatever is judged of the rest.
void collectFds(msghdr& received, std::vector<UniqueFd>& fds) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&received); part; part = CMSG_NXTHDR(&received, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
}

}  // namespace

FdStream::FdStream(UniqueFd socket) : socket_(std::move(socket)) {}

ucred FdStream::peer() const {
  ucred credentials{.pid = 0, .uid = static_cast<uid_t>(-1), .gid = static_cast<gid_t>(-1)};
  socklen_t size = sizeof credentials;
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size);
  return credentials;
}

Result<FdStream::Received> FdStream::receive(Input& input) {
  alignas(cmsghdr) std::byte control[CMSG_SPACE(kReceiveFds * sizeof(int))];
  input.fds.clear();
  input.data.resize(kReceiveSize);
  iovec part{input.data.data(), input.data.size()};
  msghdr received{};
  received.msg_iov = &part;
  received.msg_iovlen = 1;
  received.msg_control = control;
  received.msg_controllen = CMSG_LEN(kReceiveFds * sizeof(int));
  ssize_t got;
  do got = ::recvmsg(socket_.get(), &received, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  input.data.resize(got > 0 ? static_cast<size_t>(got) : 0);
  if (got < 0 && errno == EAGAIN) return Received::kNothingYet;
  if (got < 0) return systemError("cannot receive", errno);
  collectFds(received, input.fds);
  if (received.msg_flags & MSG_CTRUNC)
    return Error{EMSGSIZE, "the peer sent more than " + std::to_string(kReceiveFds) +
                               " file descriptors at once, or more than this process may have "
                               "open"};
  return got == 0 ? Received::kEnd : Received::kSome;
}

Status FdStream::queue(std::span<const std::byte> data, std::span<const int> fds) {
  if (fds.size() > kSendFds)
    return Error{EINVAL, "more than " + std::to_string(kSendFds) + " file descriptors at once"};
  if (data.empty())
    return fds.empty() ? Status() : Error{EINVAL, "file descriptors need data to go with"};
  if (data.size() > kUnsentMax - unsent_)
    return Error{ENOBUFS, "the peer does not read: " + std::to_string(unsent_) + " bytes wait"};
  Outgoing next{.data = {data.begin(), data.end()}, .fds = {}};
  for (const int fd : fds) {
    UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!copy) return systemError("file descriptor " + std::to_string(fd), errno);
    next.fds.push_back(std::move(copy));
  }
  unsent_ += data.size();
  outgoing_.push_back(std::move(next));
  return {};
}

Status FdStream::flush() {
  while (!outgoing_.empty()) {
    Outgoing& next = outgoing_.front();
    const ssize_t sent = sendNext(next);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return {};
    if (sent < 0) {
      const Error error = systemError("cannot send", errno);
      outgoing_.clear();
      unsent_ = 0;
      return error;
    }
    next.fds.clear();
    next.sent += static_cast<size_t>(sent);
    unsent_ -= static_cast<size_t>(sent);
    if (next.sent == next.data.size()) outgoing_.pop_front();
  }
  return {};
}

ssize_t FdStream::sendNext(const Outgoing& next) const {
  alignas(cmsghdr) std::byte control[CMSG_SPACE(kSendFds * sizeof(int))];
  // sendmsg(2) doesn't write to it.
  iovec part{const_cast<std::byte*>(next.data.data()) + next.sent, next.data.size() - next.sent};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!next.fds.empty()) {
    const size_t size = next.fds.size() * sizeof(int);
    std::memset(control, 0, CMSG_SPACE(size));
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    for (size_t i = 0; i < next.fds.size(); ++i) {
      const int fd = next.fds[i].get();
      std::memcpy(CMSG_DATA(header) + i * sizeof fd, &fd, sizeof fd);
    }
  }
  return ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

UniqueFd FdStream::release() {
  outgoing_.clear();
  unsent_ = 0;
  return std::move(socket_);
}

}  // namespace holdfast
