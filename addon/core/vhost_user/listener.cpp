#include "core/vhost_user/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/base/wait.h"
#include "core/vhost_user/socket_address.h"

namespace holdfast::vhost_user {
namespace {

/// Who waits while one front end is served; more is refused by the kernel.
constexpr int kBacklog = 16;
/// How long a shortage of fds or memory is waited out: nothing signals its end.
constexpr int kShortageMs = 100;

/// Whether somebody listens on the socket file; an Error where it is no socket at all.
Result<bool> isLive(const SocketAddress& address) {
  struct stat file;
  if (::lstat(address.path(), &file) != 0) return systemError(address.path(), errno);
  if (!S_ISSOCK(file.st_mode))
    return Error{EEXIST, std::string(address.path()) + " exists and is no socket"};
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return systemError("socket", errno);
  return ::connect(probe.get(), address.get(), address.size()) == 0 || errno != ECONNREFUSED;
}

Status bindReplacingStale(int socket, const SocketAddress& address) {
  if (::bind(socket, address.get(), address.size()) == 0) return {};
  if (errno != EADDRINUSE) return systemError(std::string("cannot bind ") + address.path(), errno);
  const auto live = isLive(address);
  if (!live) return live.error();
  if (*live)
    return Error{EADDRINUSE, std::string(address.path()) + " is busy: another process listens"};
  if (::unlink(address.path()) != 0)
    return systemError(std::string("cannot remove the stale socket ") + address.path(), errno);
  if (::bind(socket, address.get(), address.size()) != 0)
    return systemError(std::string("cannot bind ") + address.path(), errno);
  return {};
}

bool isShortage(int code) {
  return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

bool isPassing(int code) {
  return code == EAGAIN || code == EINTR || code == ECONNABORTED;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::bind(const std::string& path, mode_t mode) {
  const auto address = SocketAddress::of(path);
  if (!address) return address.error();
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return systemError("socket", errno);
  // The socket's own mode limits that of the file bind() makes, so it is never wider than asked
  // for; the chmod gives back what the umask takes.
  if (::fchmod(socket.get(), mode) != 0) return systemError("fchmod of a socket", errno);
  if (Status bound = bindReplacingStale(socket.get(), *address); !bound) return bound.error();

  struct stat file;
  if (::lstat(address->path(), &file) != 0) return systemError(path, errno);
  std::unique_ptr<Listener> listener(new Listener(std::move(socket), path, file));
  if (::chmod(address->path(), mode) != 0 || ::listen(listener->socket_.get(), kBacklog) != 0)
    return systemError("cannot listen at " + path, errno);
  return listener;
}

Listener::Listener(UniqueFd socket) : socket_(std::move(socket)) {
  // A parent may have kept it and accept the very connection that woke us.
  const int flags = ::fcntl(socket_.get(), F_GETFL);
  ::fcntl(socket_.get(), F_SETFL, flags | O_NONBLOCK);
}

Listener::Listener(UniqueFd socket, std::string path, const struct stat& file)
    : socket_(std::move(socket)),
      path_(std::move(path)),
      device_(file.st_dev),
      inode_(file.st_ino) {}

Listener::~Listener() {
  struct stat file;
  if (path_.empty() || ::lstat(path_.c_str(), &file) != 0) return;
  if (file.st_dev == device_ && file.st_ino == inode_) ::unlink(path_.c_str());
}

Result<std::optional<Channel>> Listener::next(int stopFd) {
  for (;;) {
    if (waitFor(socket_.get(), POLLIN, stopFd) == WaitResult::kStopped)
      return std::optional<Channel>();
    UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) return std::optional<Channel>(Channel(std::move(connection)));
    if (isShortage(errno)) {
      if (waitFor(-1, 0, stopFd, kShortageMs) == WaitResult::kStopped)
        return std::optional<Channel>();
    } else if (!isPassing(errno)) {
      return systemError("cannot accept a connection", errno);
    }
  }
}

}  // namespace holdfast::vhost_user
