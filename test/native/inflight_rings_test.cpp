#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "support/inflight_bench.h"

using namespace holdfast;
using test::answerTo;
using test::BackEnd;
using test::InflightBench;
using virtio::DescriptorChain;
using virtio::Pop;

namespace {

constexpr uint16_t kSize = InflightBench::kSize;

}  // namespace

TEST_CASE("inflight: what was taken and not given back is served again, in order, first of all") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    InflightBench bench(packed);
    for (const uint32_t cookie : {101, 102, 103, 104, 105}) bench.add(cookie, 1 + cookie % 3);
    {
      BackEnd first(bench);
      DescriptorChain chain;
      CHECK(first.take() == 101);
      CHECK(first.take(chain) == 102);
      first.ring.push(chain, 102);
      first.ring.publish();
      CHECK(bench.driver().pop()->writtenBytes == 102);
      // The driver's next chain reuses what became free.
      bench.add(106);
      CHECK(first.take() == 103);
      CHECK(first.take(chain) == 104);
      first.ring.push(chain, 104);  // and never shown
    }
    BackEnd second(bench);
    CHECK(second.ring.hasAvailable());
    CHECK(second.ring.available() == 5);
    std::vector<DescriptorChain> chains(5);
    for (const uint32_t cookie : {101, 103, 104, 105, 106}) {
      DescriptorChain& chain = chains[cookie == 101 ? 0 : cookie - 102];
      CHECK(second.take(chain) == cookie);
      CHECK(chain.leftOver == (cookie < 105));
    }
    CHECK_FALSE(second.ring.hasAvailable());
    CHECK_FALSE(bench.driver().hasUsed());
    for (size_t i = chains.size(); i-- > 0;) {
      second.ring.push(chains[i], answerTo(chains[i]));
      second.ring.publish();
      const auto used = bench.driver().pop();
      REQUIRE(used.has_value());
      CHECK(used->ours);
      CHECK(used->writtenBytes == answerTo(chains[i]));
      CHECK_FALSE(bench.driver().hasUsed());
    }
    // The third finds nothing to do, and its place in the ring.
    BackEnd third(bench);
    CHECK_FALSE(third.ring.hasAvailable());
    bench.add(107, 2);
    CHECK(third.take() == 107);
  }
}

TEST_CASE("inflight, split: a batch that was shown and not noted isn't served again") {
  alignas(64) std::array<std::byte, virtio::inflightBytes(false, 8)> notes{};
  virtio::SplitInflight before;
  REQUIRE(before.attach(notes.data(), 8, 8, 100).ok());
  for (const uint16_t head : {3, 1, 2}) before.begin(head);
  before.end(3);
  before.end(1);
  before.announceBatch();
  const auto leftBy = [&](uint16_t usedIndex) {
    virtio::SplitInflight after;
    REQUIRE(after.attach(notes.data(), 8, 8, usedIndex).ok());
    std::vector<uint16_t> heads;
    while (after.left() > 0) heads.push_back(after.takeLeft());
    return heads;
  };
  CHECK(leftBy(100) == std::vector<uint16_t>{3, 1, 2});  // ended before it showed them
  CHECK(leftBy(102) == std::vector<uint16_t>{2});        // and right behind
  CHECK(leftBy(102) == std::vector<uint16_t>{2});
}

TEST_CASE("inflight, packed: a batch that was shown and not noted isn't served again") {
  alignas(64) std::array<std::byte, virtio::inflightBytes(true, 8)> notes{};
  std::array<virtio::PackedDescriptor, 8> ring{};
  const auto flagsOf = [](bool used, bool wrap) {
    const virtio::PackedPosition position{0, wrap};
    return used ? position.usedFlags() : position.availableFlags();
  };
  // Across the ring's end: from the last descriptor of a lap to the second of the next.
  virtio::PackedPosition used{7, true};
  const auto take = [&](virtio::PackedInflight& inflight, uint16_t id, unsigned length) {
    for (unsigned i = 0; i < length; ++i) inflight.note({id, 1, id, 0});
    return inflight.begin();
  };
  const auto leftBy = [&](virtio::PackedPosition& position) {
    virtio::PackedInflight after;
    REQUIRE(after.attach(notes.data(), 8, ring, position).ok());
    std::vector<uint16_t> ids;
    while (after.left() > 0) ids.push_back(after.takeLeft().descriptors.back().id);
    return ids;
  };
  virtio::PackedInflight before;
  REQUIRE(before.attach(notes.data(), 8, ring, used).ok());
  ring[7].flags = flagsOf(false, true);
  const uint16_t first = take(before, 11, 1);
  const uint16_t second = take(before, 12, 2);
  take(before, 13, 1);
  before.end(second);
  before.end(first);
  used.advance(3, 8);
  const auto snapshot = notes;
  before.announceBatch(used);

  SUBCASE("ended before it showed it") {
    virtio::PackedPosition position;
    CHECK(leftBy(position) == std::vector<uint16_t>{11, 12, 13});
    CHECK(position == virtio::PackedPosition{7, true});
  }
  SUBCASE("ended right behind") {
    ring[7].flags = flagsOf(true, true);
    virtio::PackedPosition position;
    CHECK(leftBy(position) == std::vector<uint16_t>{13});
    CHECK(position == virtio::PackedPosition{2, false});
  }
  SUBCASE("the driver has used the descriptor again since") {
    ring[7].flags = flagsOf(false, false);
    virtio::PackedPosition position;
    CHECK(leftBy(position) == std::vector<uint16_t>{13});
    CHECK(leftBy(position) == std::vector<uint16_t>{13});
    CHECK(position == virtio::PackedPosition{2, false});
  }
  SUBCASE("a chain that was half noted isn't there") {
    notes = snapshot;
    virtio::PackedPosition position;
    virtio::PackedInflight again;
    REQUIRE(again.attach(notes.data(), 8, ring, position).ok());
    again.note({1, 1, 14, 0});
    again.note({1, 1, 14, 0});
    CHECK(leftBy(position) == std::vector<uint16_t>{11, 12, 13});
  }
}

namespace {

/// Serves the ring until it is killed: takes what is there, gives some of it back in any order. Two
/// chains are always held, so that a kill at any instruction leaves something.
[[noreturn]] void serveForEver(InflightBench& bench, unsigned seed) {
  std::mt19937 random(seed);
  const auto map = bench.map();
  virtio::Ring ring;
  if (!map || !ring.attach(*map, bench.parameters())) ::_exit(1);
  auto chains = std::make_unique<DescriptorChain[]>(kSize);
  std::vector<DescriptorChain*> free, held;
  for (unsigned i = 0; i < kSize; ++i) free.push_back(&chains[i]);
  for (;;) {
    while (!free.empty() && random() % 4 != 0) {
      const Pop popped = ring.pop(*map, *free.back());
      if (popped == Pop::kBroken) ::_exit(2);
      if (popped == Pop::kEmpty) break;
      held.push_back(free.back());
      free.pop_back();
    }
    while (held.size() > 2 && random() % 3 != 0) {
      std::swap(held[random() % held.size()], held.back());
      ring.push(*held.back(), answerTo(*held.back()));
      free.push_back(held.back());
      held.pop_back();
    }
    ring.publish();
  }
}

}  // namespace

TEST_CASE("inflight: a back end that is killed at any instruction loses nothing, answers once") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    InflightBench bench(packed);
    std::mt19937 random(packed ? 7 : 8);
    std::map<uint16_t, uint32_t> outstanding;  // cookies by id
    uint32_t nextCookie = 1;
    uint64_t answered = 0;
    const auto takeAnswers = [&] {
      while (const auto used = bench.driver().pop()) {
        REQUIRE(used->ours);
        const auto id = static_cast<uint16_t>(used->head);
        REQUIRE(outstanding.contains(id));
        REQUIRE(used->writtenBytes == outstanding[id]);
        outstanding.erase(id);
        ++answered;
      }
    };
    unsigned leftBehind = 0;
    for (unsigned round = 0; round < 200; ++round) {
      const pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) serveForEver(bench, round);
      const uint64_t until = answered + random() % 60;
      while (answered < until) {
        while (bench.driver().freeDescriptors() >= 3) {
          const uint32_t cookie = nextCookie++ % 4096 + 1;
          outstanding[bench.add(cookie, 1 + random() % 3)] = cookie;
        }
        ::sched_yield();
        REQUIRE(::waitpid(child, nullptr, WNOHANG) == 0);
        takeAnswers();
      }
      ::kill(child, SIGKILL);
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      REQUIRE(WIFSIGNALED(status));
      takeAnswers();
      if (bench.anyNoted()) ++leftBehind;
    }
    CHECK(leftBehind > 100);
    BackEnd last(bench);
    DescriptorChain chain;
    while (last.ring.pop(*last.map, chain) == Pop::kChain) {
      last.ring.push(chain, answerTo(chain));
      last.ring.publish();
      takeAnswers();
    }
    CHECK(outstanding.empty());
    CHECK(bench.driver().freeDescriptors() == kSize);
  }
}

TEST_CASE("inflight: notes for larger rings serve smaller ones, and never the other way round") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    InflightBench roomy(packed, 100);
    roomy.add(1);
    CHECK(BackEnd(roomy).take() == 1);
    CHECK(BackEnd(roomy).take() == 1);

    InflightBench tight(packed, kSize - 1);
    virtio::Ring ring;
    CHECK_FALSE(ring.attach(*tight.map(), tight.parameters()).ok());
  }
}

TEST_CASE("inflight: notes that were fresh while the ring was not") {
  InflightBench bench(false);
  for (int i = 0; i < 3; ++i) {
    bench.add(5);
    BackEnd backEnd(bench);
    DescriptorChain chain;
    backEnd.take(chain);
    backEnd.ring.push(chain, 5);
    backEnd.ring.publish();
    REQUIRE(bench.driver().pop());
  }
  std::memset(bench.notes(), 0, bench.noteBytes());
  bench.add(6);
  CHECK(BackEnd(bench).take() == 6);
  // As another back end leaves it that writes its version when it makes the region.
  std::memset(bench.notes(), 0, bench.noteBytes());
  auto* header = reinterpret_cast<virtio::SplitInflightHeader*>(bench.notes());
  header->version = virtio::kInflightVersion;
  header->size = kSize;
  CHECK(BackEnd(bench).take() == 6);
}
