#include "core/vhost_user/backend_channel.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <ctime>
#include <span>

#include "core/vhost_user/message.h"

namespace holdfast::vhost_user {
namespace {

/// write(2) to a pipe without the SIGPIPE that a vanished reader raises: the process that this
/// library runs in need not ignore it. There is no flag for that as send(2) has.
ssize_t writeWithoutSignal(int fd, std::span<const std::byte> bytes) {
  sigset_t pipeSignal;
  sigemptyset(&pipeSignal);
  sigaddset(&pipeSignal, SIGPIPE);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &pipeSignal, &before);
  const ssize_t written = ::write(fd, bytes.data(), bytes.size());
  const int code = errno;
  if (written < 0 && code == EPIPE && sigismember(&before, SIGPIPE) == 0) {
    const timespec atOnce{};
    ::sigtimedwait(&pipeSignal, nullptr, &atOnce);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = code;
  return written;
}

}  // namespace

Status BackendChannel::open(UniqueFd fd) {
  struct stat file;
  if (::fstat(fd.get(), &file) != 0) return systemError("fstat", errno);
  if (!S_ISFIFO(file.st_mode) && !S_ISSOCK(file.st_mode))
    return Error{EINVAL, "its file descriptor is neither a socket nor a pipe"};
  isPipe_ = S_ISFIFO(file.st_mode);
  fd_ = std::move(fd);
  return {};
}

Status BackendChannel::sendConfigChange() {
  const MessageHeader header{.request = static_cast<uint32_t>(BackendRequest::kConfigChange)};
  const auto bytes = bytesOf(header);
  ssize_t sent;
  if (isPipe_) {
    // Each time anew: the front end has the same open file description.
    const int flags = ::fcntl(fd_.get(), F_GETFL);
    ::fcntl(fd_.get(), F_SETFL, flags | O_NONBLOCK);
    sent = writeWithoutSignal(fd_.get(), bytes);
  } else {
    sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  // Twelve bytes go whole or not at all, into a pipe (PIPE_BUF) as into a unix socket.
  if (sent < 0)
    return systemError("cannot tell the front end that the config space changed", errno);
  return {};
}

}  // namespace holdfast::vhost_user
