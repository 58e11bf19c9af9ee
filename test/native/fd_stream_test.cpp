#include "core/socket/fd_stream.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <future>
#include <string>
#include <utility>

#include "core/base/event_fd.h"
#include "core/lane/fd_disposal.h"
#include "core/socket/readiness_loop.h"

using namespace holdfast;
using Received = FdStream::Received;

namespace {

struct Pair {
  Pair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    near = UniqueFd(fds[0]);
    far = UniqueFd(fds[1]);
  }
  UniqueFd near, far;
};

std::span<const std::byte> bytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string textOf(const FdStream::Input& input) {
  return {reinterpret_cast<const char*>(input.data.data()), input.data.size()};
}

/// Sends by hand, past all that queue() refuses.
void sendRaw(int socket, const std::string& text, const std::vector<int>& fds) {
  std::vector<std::byte> control(CMSG_SPACE(fds.size() * sizeof(int)));
  iovec part{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  REQUIRE(::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
}

ptrdiff_t openFds() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

bool isSameFile(int a, int b) {
  struct stat one, other;
  REQUIRE(::fstat(a, &one) == 0);
  REQUIRE(::fstat(b, &other) == 0);
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace

TEST_CASE("fd stream: bytes and descriptors both ways, in order") {
  Pair pair;
  FdStream near(std::move(pair.near)), far(std::move(pair.far));
  const UniqueFd zero(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  FdStream::Input input;
  const auto nothing = far.receive(input);
  REQUIRE(nothing.ok());
  CHECK(*nothing == Received::kNothingYet);
  CHECK(input.data.empty());

  const int both[] = {zero.get(), null.get()};
  REQUIRE(near.queue(bytesOf("first"), both).ok());
  REQUIRE(near.queue(bytesOf("second"), {}).ok());
  CHECK(near.unsent() == 11);
  REQUIRE(near.flush().ok());
  CHECK(near.unsent() == 0);
  REQUIRE(far.receive(input).ok());
  REQUIRE(input.fds.size() == 2);
  CHECK(isSameFile(input.fds[0].get(), zero.get()));
  CHECK(isSameFile(input.fds[1].get(), null.get()));
  CHECK(::fcntl(input.fds[0].get(), F_GETFD) == FD_CLOEXEC);
  CHECK(textOf(input) == "first");
  REQUIRE(far.receive(input).ok());
  CHECK(input.fds.empty());
  CHECK(textOf(input) == "second");

  REQUIRE(far.queue(bytesOf("back"), std::span(both).first(1)).ok());
  REQUIRE(far.flush().ok());
  REQUIRE(near.receive(input).ok());
  CHECK(textOf(input) == "back");
  CHECK(input.fds.size() == 1);
  CHECK(near.peer().pid == ::getpid());
  CHECK(near.peer().uid == ::getuid());
}

TEST_CASE("fd stream: as many descriptors as are allowed; one more ends it, and none leaks") {
  const ptrdiff_t before = openFds();
  {
    Pair pair;
    FdStream stream(std::move(pair.near));
    const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    FdStream::Input input;
    sendRaw(pair.far.get(), "x", std::vector<int>(FdStream::kReceiveFds, null.get()));
    REQUIRE(stream.receive(input).ok());
    CHECK(input.fds.size() == FdStream::kReceiveFds);
    sendRaw(pair.far.get(), "x", std::vector<int>(FdStream::kReceiveFds + 1, null.get()));
    const auto refused = stream.receive(input);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == EMSGSIZE);
    CHECK(input.fds.size() == FdStream::kReceiveFds);
  }
  CHECK(openFds() == before);
}

TEST_CASE("fd stream: no room for another descriptor ends it") {
  Pair pair;
  FdStream stream(std::move(pair.near));
  sendRaw(pair.far.get(), "x", {pair.far.get(), pair.far.get()});
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlimit none{0, limit.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  FdStream::Input input;
  const auto refused = stream.receive(input);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == EMSGSIZE);
  CHECK(input.fds.empty());
}

TEST_CASE("fd stream: the peer closes: what it sent before still comes") {
  Pair pair;
  FdStream stream(std::move(pair.near));
  sendRaw(pair.far.get(), "half a mess", {pair.far.get()});
  pair.far.reset();
  FdStream::Input input;
  // Its own end lies in the message: the connection lives until that is closed.
  REQUIRE(stream.receive(input).ok());
  CHECK(textOf(input) == "half a mess");
  input.fds.clear();
  auto ended = stream.receive(input);
  REQUIRE(ended.ok());
  CHECK(*ended == Received::kEnd);

  REQUIRE(stream.queue(bytesOf("to nobody"), {}).ok());
  const Status sent = stream.flush();
  REQUIRE_FALSE(sent.ok());
  CHECK(sent.error().code == EPIPE);
  CHECK(stream.unsent() == 0);
}

TEST_CASE("fd stream: a peer that doesn't read: the rest waits, up to a limit") {
  Pair pair;
  FdStream near(std::move(pair.near)), far(std::move(pair.far));
  const std::string mebibyte(1 << 20, 'x');
  const int fds[] = {near.fd()};
  for (unsigned i = 0; i < FdStream::kUnsentMax >> 20; ++i)
    REQUIRE(near.queue(bytesOf(mebibyte), fds).ok());
  const Status refused = near.queue(bytesOf("x"), {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ENOBUFS);
  REQUIRE(near.flush().ok());
  CHECK(near.unsent() > 0);

  size_t got = 0;
  std::vector<size_t> fdsAt;
  FdStream::Input input;
  while (got < FdStream::kUnsentMax) {
    REQUIRE(near.flush().ok());
    const auto received = far.receive(input);
    REQUIRE(received.ok());
    if (!input.fds.empty()) fdsAt.push_back(got);
    got += input.data.size();
  }
  CHECK(near.unsent() == 0);
  REQUIRE(fdsAt.size() == FdStream::kUnsentMax >> 20);
  for (size_t i = 0; i < fdsAt.size(); ++i) CHECK(fdsAt[i] <= i << 20);
}

TEST_CASE("fd stream: what can't be sent is refused, and changes nothing") {
  Pair pair;
  FdStream stream(std::move(pair.near));
  const int bad[] = {pair.far.get(), 1 << 20};
  const std::vector<int> many(FdStream::kSendFds + 1, pair.far.get());
  const ptrdiff_t before = openFds();
  CHECK(stream.queue(bytesOf("x"), bad).error().code == EBADF);
  CHECK(stream.queue(bytesOf("x"), many).error().code == EINVAL);
  CHECK(stream.queue({}, std::span(bad).first(1)).error().code == EINVAL);
  CHECK(stream.queue({}, {}).ok());
  CHECK(stream.unsent() == 0);
  CHECK(openFds() == before);
  REQUIRE(stream.queue(bytesOf("x"), std::span(many).first(FdStream::kSendFds)).ok());
  REQUIRE(stream.flush().ok());
  CHECK(stream.unsent() == 0);
}

TEST_CASE("fd disposal: a close that takes long delays nothing") {
  // A FIFO's reader that waits in the lane would do, too; closing is what it is for.
  const ptrdiff_t before = openFds();
  {
    Pair pair;
    FdDisposal disposal;
    for (int i = 0; i < 200; ++i)
      disposal.add(UniqueFd(::fcntl(pair.far.get(), F_DUPFD_CLOEXEC, 0)));
    disposal.add(std::move(pair.far));
    // Its last close is the last of all.
    pollfd watched{pair.near.get(), POLLIN, 0};
    CHECK(::poll(&watched, 1, 20'000) == 1);
    CHECK((watched.revents & POLLHUP) != 0);
  }
  CHECK(openFds() == before);
}

TEST_CASE("readiness loop: each armed socket is named once, and again when armed again") {
  EventFd announced;
  auto made = ReadinessLoop::start([&] { announced.signal(); });
  REQUIRE(made.ok());
  ReadinessLoop& loop = **made;
  const auto next = [&] {
    pollfd watched{announced.get(), POLLIN, 0};
    REQUIRE(::poll(&watched, 1, 20'000) == 1);
    announced.drain();
    return loop.take();
  };
  EventFd one, other;
  one.signal();
  REQUIRE(loop.arm(one.get(), 1, EPOLLIN).ok());
  auto ready = next();
  REQUIRE(ready.size() == 1);
  CHECK(ready[0].id == 1);
  CHECK(ready[0].events == EPOLLIN);
  // Still readable, but it wasn't armed again: the other comes alone.
  other.signal();
  REQUIRE(loop.arm(other.get(), 2, EPOLLIN).ok());
  ready = next();
  REQUIRE(ready.size() == 1);
  CHECK(ready[0].id == 2);

  loop.armLater(one.get(), 3, EPOLLIN, 1);
  ready = next();
  REQUIRE(ready.size() == 1);
  CHECK(ready[0].id == 3);

  loop.armLater(one.get(), 4, EPOLLIN, 1);
  loop.forget(one.get(), 4);
  loop.armLater(other.get(), 5, EPOLLIN, 2);
  ready = next();
  REQUIRE(ready.size() == 1);
  CHECK(ready[0].id == 5);
}
