#include "core/vhost_user/listener.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "core/base/event_fd.h"
#include "core/vhost_user/connector.h"
#include "core/vhost_user/passed_socket.h"
#include "frontend/message_socket.h"

namespace holdfast::vhost_user {
namespace {

using frontend::MessageSocket;

/// A directory that goes with its test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

struct stat statOf(const std::string& path) {
  struct stat file{};
  ::lstat(path.c_str(), &file);
  return file;
}

/// A socket bound to `path` by hand; `backlog` < 0: it doesn't listen.
UniqueFd boundSocket(const std::string& path, int backlog) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  if (backlog >= 0) REQUIRE(::listen(socket.get(), backlog) == 0);
  return socket;
}

std::unique_ptr<Listener> listenAt(const std::string& path, mode_t mode = 0600) {
  auto listener = Listener::bind(path, mode);
  REQUIRE_MESSAGE(listener.ok(), listener.error().message);
  return std::move(*listener);
}

/// Waits until the thread whose /proc/self/task/TID/stat is open as `statFd` sleeps.
void waitUntilAsleep(int statFd) {
  for (;;) {
    char text[64] = {};
    REQUIRE(::pread(statFd, text, sizeof text - 1, 0) > 0);
    if (std::string(text).find(") S ") != std::string::npos) return;
    std::this_thread::yield();
  }
}

/// What `client` sends comes out of `channel`.
void checkConnected(Channel& channel, MessageSocket& client) {
  const std::byte byte{7};
  REQUIRE(client.sendRaw(std::span(&byte, 1)).ok());
  std::byte got{};
  REQUIRE(::recv(channel.fd(), &got, 1, 0) == 1);
  CHECK(got == byte);
}

TEST_CASE("listener: connections come one after another, the second waits") {
  const TemporaryDirectory directory;
  const auto listener = listenAt(directory / "socket");
  const EventFd stop;
  auto first = MessageSocket::connect(directory / "socket");
  auto second = MessageSocket::connect(directory / "socket");
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  {
    auto channel = listener->next(stop.get());
    REQUIRE(channel.ok());
    REQUIRE(channel->has_value());
    checkConnected(**channel, *first);
    CHECK_FALSE(second->readable());  // neither served nor closed
  }
  auto channel = listener->next(stop.get());
  REQUIRE(channel.ok());
  REQUIRE(channel->has_value());
  checkConnected(**channel, *second);
}

TEST_CASE("listener: stop ends the wait, and every later one") {
  const TemporaryDirectory directory;
  const auto listener = listenAt(directory / "socket");
  const EventFd stop;
  std::thread stopper([&] { stop.signal(); });
  for (int i = 0; i < 2; ++i) {
    const auto next = listener->next(stop.get());
    REQUIRE(next.ok());
    CHECK_FALSE(next->has_value());
  }
  stopper.join();
}

TEST_CASE("listener: stop goes before a client that waits") {
  const TemporaryDirectory directory;
  const auto listener = listenAt(directory / "socket");
  const auto client = MessageSocket::connect(directory / "socket");
  REQUIRE(client.ok());
  const EventFd stop;
  stop.signal();
  CHECK_FALSE(listener->next(stop.get())->has_value());
}

TEST_CASE("listener: the socket file has the mode asked for, whatever the umask") {
  const TemporaryDirectory directory;
  for (const mode_t mask : {0U, 0777U}) {
    const mode_t before = ::umask(mask);
    for (const mode_t mode : {0600U, 0660U, 0777U}) {
      const auto listener = listenAt(directory / "socket", mode);
      CHECK((statOf(directory / "socket").st_mode & 07777) == mode);
    }
    ::umask(before);
  }
}

TEST_CASE("listener: the socket file goes with it, but not another's in its place") {
  const TemporaryDirectory directory;
  const std::string path = directory / "socket";
  auto listener = listenAt(path);
  SUBCASE("its own") {
    listener.reset();
    CHECK_FALSE(std::filesystem::exists(path));
  }
  SUBCASE("another's") {
    std::filesystem::remove(path);
    const UniqueFd other = boundSocket(path, 1);
    listener.reset();
    CHECK(std::filesystem::exists(path));
  }
}

TEST_CASE("listener: a stale socket file is replaced") {
  const TemporaryDirectory directory;
  const std::string path = directory / "socket";
  SUBCASE("of a process that is gone") {
    boundSocket(path, 1).reset();
  }
  SUBCASE("that was bound but never listened on") {
    boundSocket(path, -1).reset();
  }
  const auto listener = listenAt(path);
  CHECK(MessageSocket::connect(path).ok());
}

TEST_CASE("listener: a live socket is left alone") {
  const TemporaryDirectory directory;
  const std::string path = directory / "socket";
  const UniqueFd other = boundSocket(path, 0);
  std::vector<MessageSocket> waiting;
  SUBCASE("that has room") {}
  SUBCASE("whose backlog is full") {
    waiting.push_back(std::move(*MessageSocket::connect(path)));
  }
  const auto listener = Listener::bind(path, 0600);
  REQUIRE_FALSE(listener.ok());
  CHECK(listener.error().code == EADDRINUSE);
  CHECK(listener.error().message == path + " is busy: another process listens");
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("listener: what isn't a socket is left alone") {
  const TemporaryDirectory directory;
  const std::string path = directory / "socket";
  SUBCASE("a file") {
    std::ofstream(path) << "precious";
  }
  SUBCASE("a dangling link") {
    std::filesystem::create_symlink(directory / "nowhere", path);
  }
  const auto listener = Listener::bind(path, 0600);
  REQUIRE_FALSE(listener.ok());
  CHECK(listener.error().code == EEXIST);
  CHECK(listener.error().message == path + " exists and is no socket");
  CHECK(std::filesystem::is_symlink(path) == !std::filesystem::exists(path));
}

TEST_CASE("listener: a path that is too long, empty or nowhere") {
  const TemporaryDirectory directory;
  const std::string longest = "/" + std::string(106, 'x');
  CHECK(SocketAddress::of(longest).ok());
  const auto tooLong = Listener::bind(longest + "x", 0600);
  REQUIRE_FALSE(tooLong.ok());
  CHECK(tooLong.error().code == ENAMETOOLONG);
  CHECK(tooLong.error().message ==
        longest + "x is too long for a socket: 108 bytes, the system's limit is 107");
  CHECK(Listener::bind("", 0600).error().code == EINVAL);
  CHECK(Listener::bind(directory / "missing/socket", 0600).error().code == ENOENT);
}

TEST_CASE("listener: no fds left is waited out, and the client isn't lost") {
  const TemporaryDirectory directory;
  const auto listener = listenAt(directory / "socket");
  auto client = MessageSocket::connect(directory / "socket");
  REQUIRE(client.ok());
  const EventFd stop, never;
  const std::string statPath = "/proc/self/task/" + std::to_string(::gettid()) + "/stat";
  const UniqueFd ownStat(::open(statPath.c_str(), O_RDONLY | O_CLOEXEC));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{3, before.rlim_max};  // they are open; less, and poll(2) itself fails
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  std::thread stopper([&] {
    waitUntilAsleep(ownStat.get());
    stop.signal();
  });
  const auto stopped = listener->next(stop.get());
  stopper.join();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(stopped.ok());
  CHECK_FALSE(stopped->has_value());

  auto channel = listener->next(never.get());
  REQUIRE(channel.ok());
  REQUIRE(channel->has_value());
  checkConnected(**channel, *client);
}

// --- passed sockets

TEST_CASE("passed socket: a listener gives connections, and its file stays") {
  const TemporaryDirectory directory;
  const std::string path = directory / "socket";
  auto source = adoptSocket(boundSocket(path, 4));
  REQUIRE(source.ok());
  const EventFd stop;
  for (int i = 0; i < 2; ++i) {
    auto client = MessageSocket::connect(path);
    REQUIRE(client.ok());
    auto channel = (*source)->next(stop.get());
    REQUIRE(channel.ok());
    REQUIRE(channel->has_value());
    checkConnected(**channel, *client);
  }
  *source = nullptr;
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("passed socket: a connected one is the only connection there will be") {
  auto pair = MessageSocket::makePair();
  REQUIRE(pair.ok());
  REQUIRE(::fcntl(pair->second.get(), F_SETFD, 0) == 0);
  auto source = adoptSocket(std::move(pair->second));
  REQUIRE(source.ok());
  const EventFd stop;
  {
    auto channel = (*source)->next(stop.get());
    REQUIRE(channel.ok());
    REQUIRE(channel->has_value());
    checkConnected(**channel, pair->first);
    CHECK(::fcntl((*channel)->fd(), F_GETFD) == FD_CLOEXEC);
  }
  const auto next = (*source)->next(stop.get());
  REQUIRE(next.ok());
  CHECK_FALSE(next->has_value());
}

TEST_CASE("passed socket: stop goes before the connection") {
  auto pair = MessageSocket::makePair();
  REQUIRE(pair.ok());
  auto source = adoptSocket(std::move(pair->second));
  REQUIRE(source.ok());
  const EventFd stop;
  stop.signal();
  const auto next = (*source)->next(stop.get());
  REQUIRE(next.ok());
  CHECK_FALSE(next->has_value());
}

TEST_CASE("passed socket: what is no unix stream socket is refused") {
  CHECK(adoptSocket(UniqueFd(::eventfd(0, EFD_CLOEXEC))).error().code == ENOTSOCK);
  CHECK(adoptSocket(UniqueFd()).error().code == EBADF);
  const auto refusal = [](int domain, int type) {
    return adoptSocket(UniqueFd(::socket(domain, type | SOCK_CLOEXEC, 0))).error().code;
  };
  CHECK(refusal(AF_UNIX, SOCK_DGRAM) == EPROTOTYPE);
  CHECK(refusal(AF_UNIX, SOCK_SEQPACKET) == EPROTOTYPE);
  CHECK(refusal(AF_INET, SOCK_STREAM) == EPROTOTYPE);
}

// --- as a client

TEST_CASE("connector: it connects as soon as somebody listens, and again after a disconnect") {
  const TemporaryDirectory directory;
  const std::string path = directory / "socket";
  auto connector = Connector::create(path);
  REQUIRE(connector.ok());
  const EventFd stop;
  SUBCASE("nothing was there") {}
  SUBCASE("a stale socket was there") {
    boundSocket(path, 1).reset();
    std::filesystem::rename(path, directory / "stale");
    std::filesystem::create_symlink(directory / "stale", path);
  }
  for (int i = 0; i < 2; ++i) {
    UniqueFd accepted;
    std::thread frontend([&] {
      std::filesystem::remove(path);
      const UniqueFd server = boundSocket(path, 1);
      const timeval patience{.tv_sec = 10, .tv_usec = 0};
      ::setsockopt(server.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      accepted.reset(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    });
    auto channel = (*connector)->next(stop.get());
    frontend.join();
    REQUIRE(channel.ok());
    REQUIRE(channel->has_value());
    MessageSocket connected(std::move(accepted));
    checkConnected(**channel, connected);
  }
}

TEST_CASE("connector: stop ends the wait for somebody to listen") {
  const TemporaryDirectory directory;
  auto connector = Connector::create(directory / "socket");
  REQUIRE(connector.ok());
  const EventFd stop;
  std::thread stopper([&] { stop.signal(); });
  const auto next = (*connector)->next(stop.get());
  stopper.join();
  REQUIRE(next.ok());
  CHECK_FALSE(next->has_value());
}

TEST_CASE("connector: an error that won't pass ends it") {
  const TemporaryDirectory directory;
  const EventFd stop;
  REQUIRE(::close(::creat((directory / "file").c_str(), 0600)) == 0);
  auto connector = Connector::create(directory / "file/socket");
  REQUIRE(connector.ok());
  const auto next = (*connector)->next(stop.get());
  REQUIRE_FALSE(next.ok());
  CHECK(next.error().message ==
        "cannot connect to " + (directory / "file/socket") + ": Not a directory");
  CHECK_FALSE(Connector::create(std::string(200, 'x')).ok());
}

}  // namespace
}  // namespace holdfast::vhost_user
