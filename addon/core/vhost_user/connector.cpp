#include "core/vhost_user/connector.h"

#include <algorithm>
#include <cerrno>

#include "core/base/unique_fd.h"
#include "core/base/wait.h"

namespace holdfast::vhost_user {
namespace {

constexpr int kFirstRetryMs = 100;
constexpr int kLongestRetryMs = 1000;

/// Whether another try can do better: nobody listens yet, or the backlog is full.
bool isPassing(int code) {
  return code == ENOENT || code == ECONNREFUSED || code == EAGAIN;
}

}  // namespace

Result<std::unique_ptr<Connector>> Connector::create(const std::string& path) {
  const auto address = SocketAddress::of(path);
  if (!address) return address.error();
  return std::unique_ptr<Connector>(new Connector(*address));
}

Result<std::optional<Channel>> Connector::next(int stopFd) {
  for (;;) {
    if (waitFor(-1, 0, stopFd, delayMs_) == WaitResult::kStopped) return std::optional<Channel>();
    // Non-blocking: a full backlog would keep connect(2) waiting out of stopFd's reach.
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return systemError("socket", errno);
    if (::connect(socket.get(), address_.get(), address_.size()) == 0) {
      // Also before the next connection: the front end may close each one at once.
      delayMs_ = kFirstRetryMs;
      return std::optional<Channel>(Channel(std::move(socket)));
    }
    if (!isPassing(errno))
      return systemError(std::string("cannot connect to ") + address_.path(), errno);
    delayMs_ = std::clamp(delayMs_ * 2, kFirstRetryMs, kLongestRetryMs);
  }
}

}  // namespace holdfast::vhost_user
