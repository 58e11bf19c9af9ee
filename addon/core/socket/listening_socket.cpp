#include "core/socket/listening_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/socket/socket_address.h"

namespace holdfast {
namespace {

/// Who waits to be accepted; more is refused by the kernel.
constexpr int kBacklog = 16;

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

Result<int> socketOption(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0)
    return systemError("file descriptor " + std::to_string(fd), errno);
  return value;
}

}  // namespace

Result<ListeningSocket> ListeningSocket::bind(const std::string& path, mode_t mode) {
  const auto address = SocketAddress::of(path);
  if (!address) return address.error();
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return systemError("socket", errno);
  // The socket's own mode limits that of the file bind() makes, so it is never wider than asked
  // for; the chmod gives back what the umask takes.
  if (::fchmod(socket.get(), mode) != 0) return systemError("fchmod of a socket", errno);
  if (Status bound = bindReplacingStale(socket.get(), *address); !bound) return bound.error();

  struct stat file;
  if (::lstat(address->path(), &file) != 0) return systemError(path, errno);
  ListeningSocket listening(std::move(socket), path, file);
  if (::chmod(address->path(), mode) != 0 || ::listen(listening.fd(), kBacklog) != 0)
    return systemError("cannot listen at " + path, errno);
  return listening;
}

Result<ListeningSocket> ListeningSocket::adopt(UniqueFd socket, const std::string& path) {
  const auto listens = isListening(socket);
  if (!listens) return listens.error();
  sockaddr_un bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0)
    return systemError("getsockname", errno);
  const std::string at(bound.sun_path, ::strnlen(bound.sun_path, sizeof bound.sun_path));
  if (!*listens || at != path) return Error{EINVAL, "the socket doesn't listen at " + path};
  struct stat file;
  if (::lstat(path.c_str(), &file) != 0) return systemError(path, errno);
  return ListeningSocket(std::move(socket), path, file);
}

ListeningSocket::ListeningSocket(UniqueFd socket) : socket_(std::move(socket)) {
  // A parent may have kept it and accept the very connection that woke us.
  const int flags = ::fcntl(socket_.get(), F_GETFL);
  ::fcntl(socket_.get(), F_SETFL, flags | O_NONBLOCK);
}

ListeningSocket::ListeningSocket(UniqueFd socket, std::string path, const struct stat& file)
    : socket_(std::move(socket)),
      path_(std::move(path)),
      device_(file.st_dev),
      inode_(file.st_ino) {}

void ListeningSocket::removeFile() {
  struct stat file;
  if (!socket_ || path_.empty() || ::lstat(path_.c_str(), &file) != 0) return;
  if (file.st_dev == device_ && file.st_ino == inode_) ::unlink(path_.c_str());
}

Result<ListeningSocket::Accepted> ListeningSocket::accept() {
  UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (connection) return Accepted{std::move(connection)};
  if (isShortage(errno)) return Accepted{.connection = {}, .shortage = true};
  if (isPassing(errno)) return Accepted{};
  return systemError("cannot accept a connection", errno);
}

Result<bool> isListening(const UniqueFd& socket) {
  const auto domain = socketOption(socket.get(), SO_DOMAIN);
  if (!domain) return domain.error();
  const auto type = socketOption(socket.get(), SO_TYPE);
  if (!type) return type.error();
  if (*domain != AF_UNIX || *type != SOCK_STREAM)
    return Error{EPROTOTYPE,
                 "file descriptor " + std::to_string(socket.get()) + " is no unix stream socket"};
  const auto listens = socketOption(socket.get(), SO_ACCEPTCONN);
  if (!listens) return listens.error();
  return *listens != 0;
}

}  // namespace holdfast
