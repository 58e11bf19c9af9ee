#include "core/vhost_user/passed_socket.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "core/base/wait.h"
#include "core/vhost_user/listener.h"

namespace holdfast::vhost_user {
namespace {

class PassedConnection final : public ConnectionSource {
 public:
  explicit PassedConnection(UniqueFd socket) : socket_(std::move(socket)) {}

  Result<std::optional<Channel>> next(int stopFd) override {
    const bool stopped = waitFor(-1, 0, stopFd, 0) == WaitResult::kStopped;
    if (stopped || !socket_) return std::optional<Channel>();
    return std::optional<Channel>(Channel(std::move(socket_)));
  }

 private:
  UniqueFd socket_;
};

Result<int> socketOption(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0)
    return systemError("file descriptor " + std::to_string(fd), errno);
  return value;
}

}  // namespace

Result<std::unique_ptr<ConnectionSource>> adoptSocket(UniqueFd socket) {
  const auto domain = socketOption(socket.get(), SO_DOMAIN);
  if (!domain) return domain.error();
  const auto type = socketOption(socket.get(), SO_TYPE);
  if (!type) return type.error();
  if (*domain != AF_UNIX || *type != SOCK_STREAM)
    return Error{EPROTOTYPE,
                 "file descriptor " + std::to_string(socket.get()) + " is no unix stream socket"};
  const auto listens = socketOption(socket.get(), SO_ACCEPTCONN);
  if (!listens) return listens.error();

  if (::fcntl(socket.get(), F_SETFD, FD_CLOEXEC) != 0) return systemError("fcntl", errno);
  if (*listens) return std::unique_ptr<ConnectionSource>(new Listener(std::move(socket)));
  return std::unique_ptr<ConnectionSource>(new PassedConnection(std::move(socket)));
}

}  // namespace holdfast::vhost_user
