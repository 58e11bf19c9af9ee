#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "core/memory/memory_map.h"
#include "core/virtio/ring.h"
#include "frontend/packed_ring.h"
#include "frontend/split_ring.h"

using namespace holdfast;
using virtio::DescriptorChain;
using virtio::Pop;
using virtio::RingParameters;

namespace {

constexpr uint16_t kSize = 16;

/// A guest's memory with a ring in it and the notes of its back ends, all of it shared: back ends
/// may come and go, in this process or in others.
class Bench {
 public:
  explicit Bench(bool packed, uint16_t entries = kSize) : packed_(packed), entries_(entries) {
    REQUIRE(memory_.addRegion(0, 1 << 20).ok());
    if (packed)
      driver_ = std::make_unique<frontend::PackedRing>(
          *frontend::PackedRing::create(memory_, kSize, true));
    else
      driver_ =
          std::make_unique<frontend::SplitRing>(*frontend::SplitRing::create(memory_, kSize, true));
    noteBytes_ = virtio::inflightBytes(packed, entries);
    void* mapped =
        ::mmap(nullptr, noteBytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(mapped != MAP_FAILED);
    notes_.reset(static_cast<std::byte*>(mapped),
                 [size = noteBytes_](std::byte* start) { ::munmap(start, size); });
  }

  bool packed() const { return packed_; }
  frontend::Ring& driver() { return *driver_; }
  std::byte* notes() { return notes_.get(); }
  size_t noteBytes() const { return noteBytes_; }

  /// Whether any chain is noted as in flight.
  bool anyNoted() const {
    const size_t header =
        packed_ ? sizeof(virtio::PackedInflightHeader) : sizeof(virtio::SplitInflightHeader);
    const size_t entry =
        packed_ ? sizeof(virtio::PackedInflightEntry) : sizeof(virtio::SplitInflightEntry);
    for (uint16_t i = 0; i < entries_; ++i)
      if (notes_.get()[header + i * entry] != std::byte{0}) return true;
    return false;
  }

  /// As this process, or the one it is called in, sees the guest's memory.
  std::shared_ptr<const MemoryMap> map() {
    const auto& region = memory_.regions()[0];
    auto mapped = MemoryRegion::map(region.description, UniqueFd(::dup(region.file.get())));
    if (!mapped) return nullptr;
    return *MemoryMap().with(*mapped);
  }
  /// What QEMU says when its back end has gone without a word: the split ring's used index, and of
  /// a packed ring what was true at its last start.
  RingParameters parameters() const {
    const frontend::RingLayout& layout = driver_->layout();
    const auto here = [&](uint64_t guestAddr) {
      return reinterpret_cast<uintptr_t>(memory_.hostAddr(guestAddr));
    };
    return {
        .addresses = {.descriptor = here(layout.descriptors),
                      .available = here(layout.available),
                      .used = here(layout.used)},
        .size = kSize,
        .base = packed_ ? 0x80008000 : static_cast<frontend::SplitRing&>(*driver_).loadUsedIndex(),
        .inflight = notes_,
        .inflightEntries = entries_,
        .packed = packed_,
        .eventIndex = true};
  }

  /// Makes a chain of `length` descriptors available whose first buffer is `cookie` bytes long.
  uint16_t add(uint32_t cookie, size_t length = 1) {
    std::vector<frontend::Buffer> chain(length, {4096, 8, true});
    chain[0].size = cookie;
    const auto id = driver_->add(chain);
    REQUIRE(id.has_value());
    driver_->publish();
    return *id;
  }

 private:
  bool packed_;
  uint16_t entries_;
  frontend::GuestMemory memory_;
  std::unique_ptr<frontend::Ring> driver_;
  size_t noteBytes_ = 0;
  std::shared_ptr<std::byte> notes_;
};

/// One back end on the ring.
struct BackEnd {
  std::shared_ptr<const MemoryMap> map;
  virtio::Ring ring;

  explicit BackEnd(Bench& bench) : map(bench.map()) {
    const Status attached = ring.attach(*map, bench.parameters());
    REQUIRE_MESSAGE(attached.ok(), (attached.ok() ? "" : attached.error().message));
  }
  uint32_t take(DescriptorChain& chain) {
    REQUIRE(ring.pop(*map, chain) == Pop::kChain);
    return static_cast<uint32_t>(chain.segments[0].iov_len);
  }
  uint32_t take() {
    DescriptorChain chain;
    return take(chain);
  }
};

/// The device's answer says which chain it answers.
uint32_t answerTo(const DescriptorChain& chain) {
  return static_cast<uint32_t>(chain.segments[0].iov_len);
}

}  // namespace

TEST_CASE("inflight: what was taken and not given back is served again, in order, first of all") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    Bench bench(packed);
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
[[noreturn]] void serveForEver(Bench& bench, unsigned seed) {
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
    Bench bench(packed);
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
    Bench roomy(packed, 100);
    roomy.add(1);
    CHECK(BackEnd(roomy).take() == 1);
    CHECK(BackEnd(roomy).take() == 1);

    Bench tight(packed, kSize - 1);
    virtio::Ring ring;
    CHECK_FALSE(ring.attach(*tight.map(), tight.parameters()).ok());
  }
}

TEST_CASE("inflight: notes that were fresh while the ring was not") {
  Bench bench(false);
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

TEST_CASE("inflight, hostile: contents that no back end leaves are refused by name") {
  const auto refusal = [](bool packed, const std::function<void(std::byte*)>& damage) {
    Bench bench(packed);
    for (const uint32_t cookie : {1, 2, 3}) bench.add(cookie, 2);
    {
      BackEnd before(bench);
      before.take();
      before.take();
    }
    damage(bench.notes());
    virtio::Ring ring;
    const Status attached = ring.attach(*bench.map(), bench.parameters());
    REQUIRE_FALSE(attached.ok());
    const std::string prefix = "the inflight region is damaged: ";
    REQUIRE(attached.error().message.starts_with(prefix));
    return attached.error().message.substr(prefix.size());
  };
  const auto split = [&](auto damage) {
    return refusal(false, [&](std::byte* notes) {
      auto* header = reinterpret_cast<virtio::SplitInflightHeader*>(notes);
      damage(*header, reinterpret_cast<virtio::SplitInflightEntry*>(header + 1));
    });
  };
  CHECK(split([](auto& header, auto*) { header.version = 2; }) == "its version is unknown");
  CHECK(split([](auto& header, auto*) { header.size = 8; }) == "it has another size");
  CHECK(split([](auto& header, auto*) { header.usedIndex = 0x8000; }) ==
        "its used index is not near the ring's");
  CHECK(split([](auto& header, auto*) {
          header.usedIndex = 0xffff;
          header.lastBatchHead = kSize;
        }) == "its last batch leaves the ring");
  CHECK(split([](auto&, auto* entries) { entries[0].inflight = 2; }) ==
        "a chain is neither in flight nor not");

  const auto packed = [&](auto damage) {
    return refusal(true, [&](std::byte* notes) {
      auto* header = reinterpret_cast<virtio::PackedInflightHeader*>(notes);
      damage(*header, reinterpret_cast<virtio::PackedInflightEntry*>(header + 1));
    });
  };
  CHECK(packed([](auto& header, auto*) { header.version = 9; }) == "its version is unknown");
  CHECK(packed([](auto& header, auto*) { header.size = 17; }) == "it has another size");
  CHECK(packed([](auto& header, auto*) { header.used.oldIndex = kSize; }) ==
        "its used index lies outside the ring");
  CHECK(packed([](auto& header, auto* entries) {
          entries[header.free.oldHead].next = header.free.oldHead;
        }) == "its free list has a loop");
  CHECK(packed([](auto& header, auto*) { header.free.oldHead = kSize; }) ==
        "an entry is neither free nor in flight");
  CHECK(packed([](auto&, auto* entries) { entries[0].num = 0; }) == "a chain in flight has no end");
  CHECK(packed([](auto&, auto* entries) { entries[0].num = 1; }) == "a chain in flight has no end");
  CHECK(packed([](auto&, auto* entries) { entries[0].num = 0xffff; }) ==
        "a chain in flight is not one");
  CHECK(packed([](auto&, auto* entries) { entries[0].next = 0xffff; }) ==
        "a chain in flight is not one");
  CHECK(packed([](auto&, auto* entries) { entries[0].inflight = 0; }) ==
        "an entry is neither free nor in flight");
}

TEST_CASE("inflight, hostile: random damage, before the start and while the ring runs") {
  std::mt19937 random(1);
  unsigned accepted = 0;
  for (unsigned round = 0; round < 3000; ++round) {
    Bench bench(round % 2 == 1);
    for (uint32_t cookie = 1; cookie <= 4; ++cookie) bench.add(cookie, 2);
    {
      BackEnd before(bench);
      DescriptorChain chain;
      before.take();
      before.take(chain);
      before.take();
      before.ring.push(chain, 2);
      if (round % 3 == 0) before.ring.publish();
    }
    const auto damage = [&] {
      for (unsigned i = random() % 4; i > 0; --i)
        bench.notes()[random() % bench.noteBytes()] = static_cast<std::byte>(random());
    };
    damage();
    const auto map = bench.map();
    virtio::Ring ring;
    if (!ring.attach(*map, bench.parameters())) continue;
    ++accepted;
    DescriptorChain chain;
    for (unsigned i = 0; i < 20 && ring.pop(*map, chain) == Pop::kChain; ++i) {
      damage();
      ring.push(chain, 1);
      ring.publish();
    }
  }
  CHECK(accepted > 500);
}
