#include "core/vhost_user/listener.h"

#include <poll.h>

#include <utility>

#include "core/base/wait.h"

namespace holdfast::vhost_user {

Result<std::unique_ptr<Listener>> Listener::bind(const std::string& path, mode_t mode) {
  auto socket = ListeningSocket::bind(path, mode);
  if (!socket) return socket.error();
  return std::make_unique<Listener>(std::move(*socket));
}

Result<std::unique_ptr<Listener>> Listener::adopt(UniqueFd socket, const std::string& path) {
  auto adopted = ListeningSocket::adopt(std::move(socket), path);
  if (!adopted) return adopted.error();
  return std::make_unique<Listener>(std::move(*adopted));
}

Result<std::optional<Channel>> Listener::next(int stopFd) {
  for (;;) {
    if (waitFor(socket_.fd(), POLLIN, stopFd) == WaitResult::kStopped)
      return std::optional<Channel>();
    auto accepted = socket_.accept();
    if (!accepted) return accepted.error();
    if (accepted->connection)
      return std::optional<Channel>(Channel(std::move(accepted->connection)));
    if (!accepted->shortage) continue;
    if (waitFor(-1, 0, stopFd, ListeningSocket::kShortageMs) == WaitResult::kStopped)
      return std::optional<Channel>();
  }
}

}  // namespace holdfast::vhost_user
