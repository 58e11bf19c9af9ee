#include "frontend/message_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "frontend/protocol.h"

namespace holdfast::frontend {

namespace {

/// SCM_MAX_FD: Linux passes no more in one message.
constexpr size_t kMaxFds = 253;
constexpr size_t kControlSize = CMSG_SPACE(kMaxFds * sizeof(int));

Error closedError() {
  return Error{ECONNRESET, "the back end closed the connection"};
}

bool isClosed(const Error& error) {
  return error.code == ECONNRESET || error.code == EPIPE;
}

void attachFds(msghdr& message, std::span<std::byte> control, std::span<const int> fds) {
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(fds.size_bytes());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
}

void takeFds(msghdr& message, std::vector<UniqueFd>& fds) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
}

}  // namespace

Result<MessageSocket> MessageSocket::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return systemError(path, ENAMETOOLONG);
  path.copy(address.sun_path, path.size());

  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return systemError("socket", errno);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return systemError("cannot connect to " + path, errno);
  }
  return MessageSocket(std::move(fd));
}

Result<std::pair<MessageSocket, UniqueFd>> MessageSocket::makePair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return systemError("socketpair", errno);
  }
  return std::pair<MessageSocket, UniqueFd>(MessageSocket(UniqueFd(ends[0])), UniqueFd(ends[1]));
}

Status MessageSocket::waitFor(short events) const {
  pollfd entry{fd_.get(), events, 0};
  while (true) {
    const int ready = ::poll(&entry, 1, static_cast<int>(timeout_.count()));
    if (ready > 0) return {};
    if (ready == 0) {
      const bool reading = (events & POLLIN) != 0;
      return Error{ETIMEDOUT, reading ? "the back end did not answer in time"
                                      : "the back end did not read in time"};
    }
    if (errno != EINTR) return systemError("poll", errno);
  }
}

Status MessageSocket::sendRaw(std::span<const std::byte> bytes, std::span<const int> fds) {
  if (fds.size() > kMaxFds) return Error{E2BIG, "too many fds for one message"};
  alignas(cmsghdr) std::byte control[kControlSize] = {};
  while (!bytes.empty()) {
    if (Status writable = waitFor(POLLOUT); !writable) return writable;
    iovec vector{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (!fds.empty()) attachFds(message, control, fds);
    const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      if (errno == EPIPE || errno == ECONNRESET) return Error{EPIPE, closedError().message};
      return systemError("sendmsg", errno);
    }
    bytes = bytes.subspan(static_cast<size_t>(sent));
    fds = {};
  }
  return {};
}

Status MessageSocket::send(uint32_t request, uint32_t flags, std::span<const std::byte> payload,
                           std::span<const int> fds) {
  const MessageHeader header{request, flags, static_cast<uint32_t>(payload.size())};
  std::vector<std::byte> bytes(sizeof header + payload.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  if (!payload.empty()) std::memcpy(bytes.data() + sizeof header, payload.data(), payload.size());
  return sendRaw(bytes, fds);
}

Status MessageSocket::receiveAll(std::span<std::byte> bytes, std::vector<UniqueFd>& fds) {
  alignas(cmsghdr) std::byte control[kControlSize];
  while (!bytes.empty()) {
    if (Status readable = waitFor(POLLIN); !readable) return readable;
    iovec vector{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t received = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (received < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return errno == ECONNRESET ? closedError() : systemError("recvmsg", errno);
    }
    if (received == 0) return closedError();
    takeFds(message, fds);
    bytes = bytes.subspan(static_cast<size_t>(received));
  }
  return {};
}

Result<Message> MessageSocket::receive() {
  Message message;
  MessageHeader header;
  if (Status got = receiveAll(std::as_writable_bytes(std::span(&header, 1)), message.fds); !got) {
    return got.error();
  }
  if (header.size > kMaxPayload) {
    return Error{EBADMSG, "the back end announced " + std::to_string(header.size) + " bytes"};
  }
  message.request = header.request;
  message.flags = header.flags;
  message.payload.resize(header.size);
  if (Status got = receiveAll(message.payload, message.fds); !got) return got.error();
  return message;
}

Status MessageSocket::waitClosed() {
  std::byte byte;
  std::vector<UniqueFd> fds;
  const Status got = receiveAll(std::span(&byte, 1), fds);
  if (got) return Error{EBUSY, "the back end sent something instead of closing"};
  return isClosed(got.error()) ? Status() : got;
}

bool MessageSocket::readable() const {
  pollfd entry{fd_.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0;
}

}  // namespace holdfast::frontend
