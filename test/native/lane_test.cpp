#include "core/lane/lane.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <utility>

#include "core/lane/device_calls.h"
#include "support/fifo.h"

using namespace holdfast;
using test::Fifo;

namespace {

/// What a lane gave back, in the order in which it did.
class Returns {
 public:
  Lane::Returned receiver() {
    return [this](std::unique_ptr<LaneCall> call) {
      const std::lock_guard lock(mutex_);
      calls_.push_back(std::move(call));
      changed_.notify_all();
    };
  }
  std::unique_ptr<LaneCall> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !calls_.empty(); });
    auto call = std::move(calls_.front());
    calls_.pop_front();
    return call;
  }
  bool empty() {
    const std::lock_guard lock(mutex_);
    return calls_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<LaneCall>> calls_;
};

class FunctionCall final : public LaneCall {
 public:
  explicit FunctionCall(std::function<int()> function) : function_(std::move(function)) {}

 protected:
  int run() override { return function_(); }

 private:
  const std::function<int()> function_;
};

std::unique_ptr<LaneCall> calling(std::function<int()> function) {
  return std::make_unique<FunctionCall>(std::move(function));
}

std::unique_ptr<LaneCall> opening(const std::string& path) {
  return std::make_unique<OpenCall>(path, O_RDONLY);
}

IoctlCall::Bytes bytesOf(const void* data, size_t size) {
  const auto* begin = static_cast<const std::byte*>(data);
  return {begin, begin + size};
}

}  // namespace

TEST_CASE("lane: calls run one after another and come back in the order given") {
  Returns returns;
  Lane lane(returns.receiver());
  std::atomic<int> inside{0};
  for (int i = 0; i < 50; ++i)
    REQUIRE(lane.submit(calling([&inside, i] {
                  const int others = inside.fetch_add(1);
                  inside.fetch_sub(1);
                  return others == 0 ? i : -EBUSY;
                }))
                .ok());
  for (int i = 0; i < 50; ++i) CHECK(returns.next()->result() == i);
}

TEST_CASE("lane: open and close; what nobody takes is closed") {
  Returns returns;
  Lane lane(returns.receiver());
  REQUIRE(lane.submit(opening("/dev/null")).ok());
  REQUIRE(lane.submit(opening("/var/tmp/there-is-no-such-file")).ok());
  auto opened = returns.next();
  const int fd = opened->result();
  REQUIRE(fd >= 0);
  CHECK(::fcntl(fd, F_GETFD) == FD_CLOEXEC);
  auto missing = returns.next();
  CHECK(missing->result() == -ENOENT);
  CHECK(static_cast<OpenCall&>(*missing).take() == -1);

  SUBCASE("taken, then closed by the lane") {
    CHECK(static_cast<OpenCall&>(*opened).take() == fd);
    opened.reset();
    REQUIRE(::fcntl(fd, F_GETFD) >= 0);
    REQUIRE(lane.submit(std::make_unique<CloseCall>(fd)).ok());
    CHECK(returns.next()->result() == 0);
  }
  SUBCASE("not taken") {
    opened.reset();
  }
  CHECK(::fcntl(fd, F_GETFD) == -1);
  REQUIRE(lane.submit(std::make_unique<CloseCall>(fd)).ok());
  CHECK(returns.next()->result() == -EBADF);
}

TEST_CASE("lane: an ioctl's argument and buffers go to the kernel and come back") {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq name{};
  std::strcpy(name.ifr_name, "lo");
  std::memset(&name.ifr_data, 0xaa, sizeof name.ifr_data);
  const ethtool_value link{.cmd = ETHTOOL_GLINK, .data = 77};
  Returns returns;
  Lane lane(returns.receiver());
  std::vector<IoctlCall::Pointer> pointers{
      {offsetof(ifreq, ifr_data), bytesOf(&link, sizeof link)}};
  REQUIRE(lane.submit(std::make_unique<IoctlCall>(socket.get(), SIOCETHTOOL,
                                                  bytesOf(&name, sizeof name), pointers))
              .ok());
  const auto returned = returns.next();
  const auto& call = static_cast<const IoctlCall&>(*returned);
  REQUIRE(call.result() == 0);
  ethtool_value answer;
  std::memcpy(&answer, call.pointers()[0].buffer.data(), sizeof answer);
  CHECK(answer.cmd == ETHTOOL_GLINK);
  CHECK(answer.data <= 1);
  // No address of ours gets out.
  CHECK(std::memcmp(call.argument().data(), &name, sizeof name) == 0);

  REQUIRE(lane.submit(std::make_unique<IoctlCall>(-1, SIOCETHTOOL, IoctlCall::Bytes(8),
                                                  std::vector<IoctlCall::Pointer>{}))
              .ok());
  CHECK(returns.next()->result() == -EBADF);
}

TEST_CASE("lane: a call that hangs stalls no other lane, and ends when the kernel lets it") {
  const Fifo fifo;
  Returns hanging, others;
  Lane stuck(hanging.receiver());
  Lane lane(others.receiver());
  REQUIRE(stuck.submit(opening(fifo.path())).ok());
  REQUIRE(stuck.submit(opening("/dev/null")).ok());
  for (int i = 0; i < 100; ++i) {
    REQUIRE(lane.submit(opening("/dev/null")).ok());
    CHECK(others.next()->result() >= 0);
  }
  CHECK(hanging.empty());
  const UniqueFd writer = fifo.openForWriting();
  CHECK(static_cast<OpenCall&>(*hanging.next()).path() == fifo.path());
  CHECK(static_cast<OpenCall&>(*hanging.next()).path() == "/dev/null");
}

TEST_CASE("lane: it goes while a call is inside, which keeps what it uses until it returns") {
  const Fifo fifo;
  std::promise<std::unique_ptr<LaneCall>> given;
  {
    Lane lane([&given](std::unique_ptr<LaneCall> call) { given.set_value(std::move(call)); });
    REQUIRE(lane.submit(opening(fifo.path())).ok());
  }
  const UniqueFd writer = fifo.openForWriting();
  CHECK(given.get_future().get()->result() >= 0);
}

TEST_CASE("lane: what it has taken still runs after its end, and nothing else is taken") {
  const Fifo fifo;
  Returns returns;
  Lane lane(returns.receiver());
  REQUIRE(lane.submit(opening(fifo.path())).ok());
  REQUIRE(lane.submit(calling([] { return 5; })).ok());
  lane.end();
  const Status refused = lane.submit(calling([] { return 6; }));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ESHUTDOWN);
  const UniqueFd writer = fifo.openForWriting();
  CHECK(returns.next()->result() >= 0);
  CHECK(returns.next()->result() == 5);
}

TEST_CASE("lane: so many may wait, and no more") {
  const Fifo fifo;
  Returns returns;
  Lane lane(returns.receiver());
  // Once this one has begun it doesn't count: the writer's open waits for that.
  REQUIRE(lane.submit(opening(fifo.path())).ok());
  std::promise<void> begun, release;
  REQUIRE(lane.submit(calling([&] {
                begun.set_value();
                release.get_future().wait();
                return 0;
              }))
              .ok());
  const UniqueFd writer = fifo.openForWriting();
  begun.get_future().wait();
  for (unsigned i = 0; i < Lane::kWaitingMax; ++i)
    REQUIRE(lane.submit(calling([] { return 0; })).ok());
  const Status refused = lane.submit(calling([] { return 0; }));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == EBUSY);
  release.set_value();
  for (unsigned i = 0; i < Lane::kWaitingMax + 2; ++i) CHECK(returns.next()->result() >= 0);
}

TEST_CASE("lane: no signal reaches its thread, and the caller's mask stays") {
  Returns returns;
  Lane lane(returns.receiver());
  sigset_t before, after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  REQUIRE(lane.submit(calling([] {
                sigset_t mask;
                ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
                for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGALRM})
                  if (::sigismember(&mask, number) != 1) return number;
                return 0;
              }))
              .ok());
  CHECK(returns.next()->result() == 0);
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  CHECK(::sigismember(&after, SIGTERM) == ::sigismember(&before, SIGTERM));
}
