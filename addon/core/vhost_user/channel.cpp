#include "core/vhost_user/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/base/wait.h"

namespace holdfast::vhost_user {
namespace {

Error broken(std::string why) {
  return {EPROTO, "the front end sent " + std::move(why)};
}

Error incomplete(const std::string& what, bool late) {
  return broken("only a part of " + what + (late ? ", and no more" : " and closed"));
}

Status checkHeader(const MessageHeader& header) {
  if ((header.flags & MessageHeader::kVersionMask) != MessageHeader::kVersion)
    return broken(requestName(header.request) + " of protocol version " +
                  std::to_string(header.flags & MessageHeader::kVersionMask) + ", not 1");
  if (header.flags & MessageHeader::kReply)
    return broken("a reply (" + requestName(header.request) + ") where a request belongs");
  if (header.size > kMaxPayload)
    return broken(requestName(header.request) + " with a payload of " +
                  std::to_string(header.size) + " bytes, more than any message has");
  return {};
}

/// Takes every fd that came along, so that none leaks whatever is judged of the message.
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

/// Sends what fits of `bytes`, with `fd` unless it is -1.
ssize_t sendSome(int socket, std::span<const std::byte> bytes, int fd) {
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::byte control[CMSG_SPACE(sizeof fd)] = {};
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/// As waitFor(): milliseconds until then, never kNoTimeout.
int millisecondsUntil(std::chrono::steady_clock::time_point deadline) {
  const auto left = deadline - std::chrono::steady_clock::now();
  return static_cast<int>(
      std::max<int64_t>(std::chrono::ceil<std::chrono::milliseconds>(left).count(), 0));
}

}  // namespace

Result<Channel::Received> Channel::receive(Message& message, int stopFd) {
  message.fds.clear();
  const Deadline deadline = std::chrono::steady_clock::now() + kPatience;
  std::span header = std::as_writable_bytes(std::span(&message.header, 1));
  const auto gotHeader = fill(header, &message.fds, stopFd, deadline);
  if (!gotHeader) return gotHeader.error();
  if (*gotHeader == Filled::kStopped) return Received::kStopped;
  if (*gotHeader == Filled::kNothing) return Received::kClosed;
  if (*gotHeader != Filled::kAll) return incomplete("a message", *gotHeader == Filled::kLate);
  if (Status checked = checkHeader(message.header); !checked) return checked.error();

  if (message.header.size == 0) return Received::kMessage;
  const auto gotPayload =
      fill(std::span(message.buffer).first(message.header.size), nullptr, stopFd, deadline);
  if (!gotPayload) return gotPayload.error();
  if (*gotPayload == Filled::kStopped) return Received::kStopped;
  if (*gotPayload != Filled::kAll)
    return incomplete(requestName(message.header.request), *gotPayload == Filled::kLate);
  return Received::kMessage;
}

/// `fds`: where fds go that come along; null where none may come.
Result<Channel::Filled> Channel::fill(std::span<std::byte> bytes, std::vector<UniqueFd>* fds,
                                      int stopFd, Deadline deadline) {
  size_t filled = 0;
  while (filled < bytes.size()) {
    alignas(cmsghdr) std::byte control[CMSG_SPACE(kMaxMessageFds * sizeof(int))];
    iovec part{bytes.data() + filled, bytes.size() - filled};
    msghdr received{};
    received.msg_iov = &part;
    received.msg_iovlen = 1;
    received.msg_control = fds ? control : nullptr;
    received.msg_controllen = fds ? sizeof control : 0;

    const ssize_t got = ::recvmsg(socket_.get(), &received, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      const WaitResult waited = waitFor(socket_.get(), POLLIN, stopFd, millisecondsUntil(deadline));
      if (waited == WaitResult::kStopped) return Filled::kStopped;
      if (waited == WaitResult::kTimeout) return Filled::kLate;
      continue;
    }
    // The peer closed while replies to it were unread.
    const bool ended = got == 0 || (got < 0 && errno == ECONNRESET);
    if (ended) return filled == 0 ? Filled::kNothing : Filled::kCutShort;
    if (got < 0) return systemError("cannot receive from the front end", errno);

    if (fds) collectFds(received, *fds);
    if (fds && fds->size() > kMaxMessageFds)
      return broken("more than " + std::to_string(kMaxMessageFds) + " file descriptors at once");
    if (received.msg_flags & MSG_CTRUNC) {
      if (!fds) return broken("file descriptors apart from the header of their message");
      return broken("more than " + std::to_string(kMaxMessageFds) +
                    " file descriptors at once, or more than this process may have open");
    }
    filled += static_cast<size_t>(got);
  }
  return Filled::kAll;
}

Status Channel::reply(uint32_t request, std::span<const std::byte> payload, int stopFd, int fd) {
  MessageHeader header{request, MessageHeader::kVersion | MessageHeader::kReply,
                       static_cast<uint32_t>(payload.size())};
  std::array<std::byte, sizeof header + kMaxReplyPayload> message;
  std::memcpy(message.data(), &header, sizeof header);
  if (!payload.empty()) std::memcpy(message.data() + sizeof header, payload.data(), payload.size());

  const Deadline deadline = std::chrono::steady_clock::now() + kPatience;
  std::span<const std::byte> rest(message.data(), sizeof header + payload.size());
  while (!rest.empty()) {
    const ssize_t sent = sendSome(socket_.get(), rest, fd);
    if (sent >= 0) {
      rest = rest.subspan(static_cast<size_t>(sent));
      fd = -1;  // it went with the first byte
    } else if (errno == EAGAIN) {
      const WaitResult waited =
          waitFor(socket_.get(), POLLOUT, stopFd, millisecondsUntil(deadline));
      if (waited == WaitResult::kStopped)
        return Error{ECANCELED, "stopped while a reply was being sent"};
      if (waited == WaitResult::kTimeout)
        return Error{ETIMEDOUT, "the front end doesn't read its replies"};
    } else if (errno != EINTR) {
      return systemError("cannot reply to the front end", errno);
    }
  }
  return {};
}

}  // namespace holdfast::vhost_user
