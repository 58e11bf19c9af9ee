#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "core/disk/access_fence.h"

using holdfast::AccessFence;
using Access = AccessFence::Access;
using Entry = AccessFence::Entry;
using Pass = AccessFence::Pass;

namespace {

constexpr AccessFence::Position kOpen{.reads = true, .writes = true};
constexpr AccessFence::Position kReadsOnly{.reads = true};

/// Whether a drain has ended, to be asked at any time.
class Drain {
 public:
  explicit Drain(AccessFence& fence) {
    fence.drain([this] { ended_.store(true); });
  }
  bool ended() const { return ended_.load(); }

 private:
  std::atomic<bool> ended_{false};
};

}  // namespace

TEST_CASE("fence: closed at first; reads and writes have positions of their own") {
  AccessFence fence;
  Pass pass;
  CHECK(fence.enter(pass, 0, Access::kRead) == Entry::kConflict);
  CHECK_FALSE(pass.inside);
  fence.set(kReadsOnly);
  CHECK(fence.enter(pass, 0, Access::kWrite) == Entry::kConflict);
  CHECK(fence.enter(pass, 0, Access::kRead) == Entry::kPassed);
  fence.leave(pass);
  fence.leave(pass);  // outside: no effect
  fence.set({.writes = true, .attentionPending = true});
  CHECK(fence.attentionPending());
  CHECK(fence.enter(pass, 0, Access::kWrite) == Entry::kPassed);
  Pass other;
  CHECK(fence.enter(other, 0, Access::kRead) == Entry::kConflict);
  fence.leave(pass);
  CHECK(Drain(fence).ended());
}

TEST_CASE("fence: a drain ends at once when nothing is inside, else with the last request") {
  AccessFence fence;
  fence.set(kOpen);
  CHECK(Drain(fence).ended());
  Pass first, second;
  REQUIRE(fence.enter(first, 0, Access::kWrite) == Entry::kPassed);
  REQUIRE(fence.enter(second, 1, Access::kRead) == Entry::kPassed);
  fence.set({});
  Drain drain(fence);
  CHECK_FALSE(drain.ended());
  fence.leave(first);
  CHECK_FALSE(drain.ended());
  fence.leave(second);
  CHECK(drain.ended());
}

TEST_CASE("fence: requests that enter after a drain are not waited for") {
  AccessFence fence;
  fence.set(kOpen);
  Pass old;
  REQUIRE(fence.enter(old, 0, Access::kRead) == Entry::kPassed);
  fence.set(kReadsOnly);
  Drain drain(fence);
  Pass young;
  REQUIRE(fence.enter(young, 0, Access::kRead) == Entry::kPassed);
  fence.leave(old);
  CHECK(drain.ended());
  fence.leave(young);
}

TEST_CASE("fence: a drain waits for what entered before any earlier drain, and each ends once") {
  AccessFence fence;
  fence.set(kOpen);
  Pass first, second, third;
  REQUIRE(fence.enter(first, 0, Access::kWrite) == Entry::kPassed);
  Drain one(fence);
  REQUIRE(fence.enter(second, 5, Access::kWrite) == Entry::kPassed);
  Drain two(fence);
  Drain three(fence);
  REQUIRE(fence.enter(third, 5, Access::kWrite) == Entry::kPassed);
  fence.leave(second);
  CHECK_FALSE(one.ended());
  CHECK_FALSE(two.ended());
  fence.leave(first);
  CHECK(one.ended());
  // The third entered while the first held the older generation up: it may be waited for.
  fence.leave(third);
  CHECK(two.ended());
  CHECK(three.ended());
  CHECK(Drain(fence).ended());
}

TEST_CASE("fence: queues far apart use the same lane and lose no request") {
  AccessFence fence;
  fence.set(kOpen);
  Pass passes[3];
  for (unsigned i = 0; i < 3; ++i)
    REQUIRE(fence.enter(passes[i], 7 + i * AccessFence::kLanes, Access::kWrite) == Entry::kPassed);
  Drain drain(fence);
  fence.leave(passes[0]);
  fence.leave(passes[2]);
  CHECK_FALSE(drain.ended());
  fence.leave(passes[1]);
  CHECK(drain.ended());
}

TEST_CASE("fence: held, nothing passes, nothing is a conflict, and a drain doesn't wait") {
  AccessFence fence;
  Pass pass;
  for (const bool open : {false, true}) {
    fence.set({.reads = open, .writes = open, .held = true});
    CHECK(fence.enter(pass, 0, Access::kRead) == Entry::kHeld);
    CHECK(fence.enter(pass, 0, Access::kWrite) == Entry::kHeld);
    CHECK_FALSE(pass.inside);
    CHECK(Drain(fence).ended());
  }
  fence.set(kReadsOnly);
  CHECK(fence.enter(pass, 0, Access::kWrite) == Entry::kConflict);
  fence.set({.reads = true, .epoch = 0xffff'fffe});
  REQUIRE(fence.enter(pass, 0, Access::kRead) == Entry::kPassed);
  CHECK(pass.epoch == 0xffff'fffe);
  fence.leave(pass);
}

TEST_CASE("fence: a conflict waits outside for a verdict, which is asked for once a position") {
  unsigned asked = 0;
  AccessFence fence([&asked] { ++asked; });
  constexpr AccessFence::Position kJudging{
      .reads = true, .writes = true, .judgesConflicts = true, .epoch = 7};
  AccessFence::Position held = kJudging;
  held.held = true;
  Pass first, second;

  fence.set(kOpen);
  REQUIRE(fence.enter(first, 0, Access::kWrite) == Entry::kPassed);
  CHECK_FALSE(fence.awaitVerdict(first));
  CHECK(first.inside);
  fence.leave(first);

  fence.set(kJudging);
  REQUIRE(fence.enter(first, 0, Access::kWrite) == Entry::kPassed);
  REQUIRE(fence.enter(second, 1, Access::kWrite) == Entry::kPassed);
  CHECK(fence.awaitVerdict(first));
  CHECK(fence.awaitVerdict(second));
  CHECK(asked == 1);
  CHECK(Drain(fence).ended());
  CHECK(fence.enterAgain(first, Access::kWrite) == Entry::kHeld);

  fence.set(held);
  CHECK(fence.enterAgain(first, Access::kWrite) == Entry::kHeld);
  SUBCASE("the same epoch: inside again") {
    fence.set(kJudging);
    CHECK(fence.enterAgain(first, Access::kWrite) == Entry::kPassed);
    Drain drain(fence);
    CHECK_FALSE(drain.ended());
    CHECK(fence.awaitVerdict(first));
    CHECK(drain.ended());
    CHECK(asked == 2);
    CHECK(fence.enterAgain(first, Access::kWrite) == Entry::kHeld);
  }
  SUBCASE("another epoch: the conflict") {
    AccessFence::Position later = kJudging;
    later.epoch = 8;
    fence.set(later);
    CHECK(fence.enterAgain(first, Access::kWrite) == Entry::kConflict);
    CHECK_FALSE(first.inside);
    CHECK(Drain(fence).ended());
  }
  SUBCASE("closed: the conflict") {
    fence.set({.reads = true, .epoch = 7});
    CHECK(fence.enterAgain(first, Access::kWrite) == Entry::kConflict);
  }
}

TEST_CASE("fence: whoever waits hears of positions that may let it go on, until it parts") {
  struct Waiter final : AccessFence::Waiter {
    void fenceMoved() override { ++moves; }
    unsigned moves = 0;
  };
  Waiter waiter;
  AccessFence fence;
  fence.join(waiter);
  fence.set(kOpen);
  fence.set({.reads = true, .writes = true, .held = true});
  CHECK(waiter.moves == 0);
  fence.set({.reads = true, .writes = true, .judgesConflicts = true});
  CHECK(waiter.moves == 1);
  Pass pass;
  REQUIRE(fence.enter(pass, 0, Access::kRead) == Entry::kPassed);
  CHECK(fence.awaitVerdict(pass));
  fence.set(kOpen);
  CHECK(waiter.moves == 2);
  fence.set({.held = true});
  fence.part(waiter);
  fence.set(kOpen);
  CHECK(waiter.moves == 2);
}

TEST_CASE("fence: nothing is inside once it was closed and drained, whatever the threads do") {
  AccessFence::Position shut;
  SUBCASE("closed") {}
  SUBCASE("held") {
    shut = {.reads = true, .writes = true, .held = true};
  }
  AccessFence fence;
  // What the fence protects: odd while it must not be written to. Plain, so that a sanitizer sees
  // any write that is not ordered before the drain.
  uint64_t medium[2][8] = {};
  std::atomic<bool> closed{true};
  std::atomic<bool> quit{false};
  std::atomic<unsigned> violations{0};
  std::vector<std::thread> workers;
  for (unsigned worker = 0; worker < 2; ++worker)
    workers.emplace_back([&, worker] {
      Pass pass;
      while (!quit.load(std::memory_order_relaxed)) {
        if (fence.enter(pass, worker, Access::kWrite) != Entry::kPassed) continue;
        ++medium[worker][0];
        if (closed.load(std::memory_order_relaxed)) ++violations;
        fence.leave(pass);
      }
    });
  for (unsigned round = 0; round < 20'000; ++round) {
    closed.store(false);
    fence.set(kOpen);
    fence.set(shut);
    std::atomic<bool> drained{false};
    fence.drain([&] {
      drained.store(true);
      drained.notify_one();
    });
    drained.wait(false);
    closed.store(true);
    ++medium[0][0];
    ++medium[1][0];
  }
  quit.store(true);
  for (std::thread& worker : workers) worker.join();
  CHECK(violations == 0);
}

TEST_CASE("fence: drains end while others keep reading without a pause") {
  AccessFence fence;
  fence.set(kReadsOnly);
  std::atomic<bool> quit{false};
  std::vector<std::thread> readers;
  for (unsigned lane = 0; lane < 2; ++lane)
    readers.emplace_back([&, lane] {
      // Never outside: the next request enters before the last one leaves.
      Pass passes[2];
      fence.enter(passes[0], lane, Access::kRead);
      for (unsigned i = 1; !quit.load(std::memory_order_relaxed); ++i) {
        fence.enter(passes[i % 2], lane, Access::kRead);
        fence.leave(passes[(i + 1) % 2]);
      }
      for (Pass& pass : passes) fence.leave(pass);
    });
  for (unsigned round = 0; round < 2'000; ++round) {
    std::atomic<bool> drained{false};
    fence.drain([&] {
      drained.store(true);
      drained.notify_one();
    });
    drained.wait(false);
  }
  quit.store(true);
  for (std::thread& reader : readers) reader.join();
  CHECK(Drain(fence).ended());
}
