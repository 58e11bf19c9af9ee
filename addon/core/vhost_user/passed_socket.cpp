#include "core/vhost_user/passed_socket.h"

#include <fcntl.h>

#include <cerrno>

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

}  // namespace

Result<std::unique_ptr<ConnectionSource>> adoptSocket(UniqueFd socket) {
  const auto listens = isListening(socket);
  if (!listens) return listens.error();
  if (::fcntl(socket.get(), F_SETFD, FD_CLOEXEC) != 0) return systemError("fcntl", errno);
  if (*listens)
    return std::unique_ptr<ConnectionSource>(new Listener(ListeningSocket(std::move(socket))));
  return std::unique_ptr<ConnectionSource>(new PassedConnection(std::move(socket)));
}

std::unique_ptr<ConnectionSource> noConnections() {
  return std::make_unique<PassedConnection>(UniqueFd());
}

}  // namespace holdfast::vhost_user
