#include "core/socket/connect_call.h"

#include <sys/socket.h>

#include <cerrno>

namespace holdfast {

int ConnectCall::run() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return -errno;
  const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(socket.get(), address_.get(), address_.size()) != 0)
    return errno == EAGAIN ? -ETIMEDOUT : -errno;
  socket_ = std::move(socket);
  return 0;
}

}  // namespace holdfast
