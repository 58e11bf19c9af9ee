#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "frontend/guest_memory.h"
#include "frontend/split_ring.h"

namespace holdfast::frontend {
namespace {

struct RingFixture {
  GuestMemory memory;
  SplitRing ring;

  explicit RingFixture(uint16_t size = 8, bool eventIndex = true)
      : memory(makeMemory()), ring(*SplitRing::create(memory, size, eventIndex)) {}

  static GuestMemory makeMemory() {
    GuestMemory memory;
    REQUIRE(memory.addRegion(0x10000, 1 << 20).ok());
    return memory;
  }

  /// Plays the device: the next used element.
  void use(uint32_t id, uint32_t size = 0) {
    ring.usedEntry(ring.usedIndex() % ring.size()) = {id, size};
    ++ring.usedIndex();
  }
};

constexpr Buffer kReadable{0x20000, 16, false};
constexpr Buffer kWritable{0x30000, 512, true};

TEST_CASE("split ring: a chain of three is written as the specification says") {
  RingFixture f;
  const std::array chain = {kReadable, kWritable, kWritable};
  const auto head = f.ring.add(chain);
  REQUIRE(head.has_value());

  const Descriptor& first = f.ring.descriptor(*head);
  CHECK(first.guestAddr == kReadable.guestAddr);
  CHECK(first.size == kReadable.size);
  CHECK(first.flags == kDescriptorNext);
  const Descriptor& second = f.ring.descriptor(first.next);
  CHECK(second.flags == (kDescriptorNext | kDescriptorWrite));
  const Descriptor& third = f.ring.descriptor(second.next);
  CHECK(third.flags == kDescriptorWrite);
  CHECK(f.ring.availableEntry(0) == *head);
}

TEST_CASE("split ring: nothing is visible before publish") {
  RingFixture f;
  f.ring.add(std::array{kReadable});
  CHECK(f.ring.availableIndex() == 0);
  f.ring.publish();
  CHECK(f.ring.availableIndex() == 1);
}

TEST_CASE("split ring: an indirect chain takes one descriptor") {
  RingFixture f;
  std::array<Descriptor, 3> table;
  const std::array chain = {kReadable, kWritable, kWritable};
  const auto head = f.ring.addIndirect(chain, 0x40000, table.data());
  REQUIRE(head.has_value());
  CHECK(f.ring.freeDescriptors() == 7);
  CHECK(f.ring.descriptor(*head).guestAddr == 0x40000);
  CHECK(f.ring.descriptor(*head).size == 48);
  CHECK(f.ring.descriptor(*head).flags == kDescriptorIndirect);
  CHECK(table[0].flags == kDescriptorNext);
  CHECK(table[0].next == 1);
  CHECK(table[2].flags == kDescriptorWrite);
}

TEST_CASE("split ring: descriptors run out and come back, in any order") {
  RingFixture f;
  const std::array pair = {kReadable, kWritable};
  std::array<uint16_t, 4> heads;
  for (uint16_t& head : heads) head = *f.ring.add(pair);
  CHECK_FALSE(f.ring.add(pair).has_value());
  CHECK(f.ring.freeDescriptors() == 0);

  std::reverse(heads.begin(), heads.end());
  for (const uint16_t head : heads) f.use(head, 7);
  for (const uint16_t head : heads) {
    const auto used = f.ring.pop();
    REQUIRE(used.has_value());
    CHECK(used->head == head);
    CHECK(used->writtenBytes == 7);
    CHECK(used->ours);
  }
  CHECK_FALSE(f.ring.pop().has_value());
  CHECK(f.ring.freeDescriptors() == 8);
  const std::array all = {kReadable, kReadable, kReadable, kReadable,
                          kReadable, kReadable, kReadable, kReadable};
  CHECK(f.ring.add(all).has_value());
}

TEST_CASE("split ring: ids that are not in flight free nothing") {
  RingFixture f;
  const uint16_t head = *f.ring.add(std::array{kReadable});
  f.use(head);
  f.use(head);
  f.use(8);
  f.use(0xffffffff);
  CHECK(f.ring.pop()->ours);
  CHECK_FALSE(f.ring.pop()->ours);
  CHECK_FALSE(f.ring.pop()->ours);
  CHECK_FALSE(f.ring.pop()->ours);
  CHECK(f.ring.freeDescriptors() == 8);
}

TEST_CASE("split ring: EVENT_IDX decides over kicks, also where the index wraps") {
  RingFixture f;
  const auto addAndPublish = [&](unsigned count) {
    for (unsigned i = 0; i < count; ++i) f.ring.addHead(0);
    return f.ring.publish();
  };
  CHECK(addAndPublish(1));  // avail_event is 0: the first is wanted
  CHECK_FALSE(addAndPublish(1));
  f.ring.availableEvent() = 3;
  CHECK_FALSE(addAndPublish(1));
  CHECK(addAndPublish(2));
  CHECK_FALSE(f.ring.publish());  // nothing new

  addAndPublish(65535 - 5);
  CHECK(f.ring.availableIndex() == 65535);
  f.ring.availableEvent() = 0;
  CHECK_FALSE(addAndPublish(1));
  CHECK(addAndPublish(1));
  CHECK(f.ring.availableIndex() == 1);
}

TEST_CASE("split ring: without EVENT_IDX the device's flag decides over kicks") {
  RingFixture f(8, false);
  f.ring.addHead(0);
  CHECK(f.ring.publish());
  f.ring.usedFlags() = kUsedNoNotify;
  f.ring.addHead(0);
  CHECK_FALSE(f.ring.publish());
}

TEST_CASE("split ring: the interrupt is asked for by event index, or by flag") {
  RingFixture withEvent;
  const uint16_t head = *withEvent.ring.add(std::array{kReadable});
  CHECK(withEvent.ring.armInterrupt());
  withEvent.use(head);
  CHECK_FALSE(withEvent.ring.armInterrupt());
  withEvent.ring.pop();
  CHECK(withEvent.ring.armInterrupt());
  CHECK(withEvent.ring.usedEvent() == 1);

  RingFixture withFlag(8, false);
  withFlag.ring.disarmInterrupt();
  CHECK(withFlag.ring.availableFlags() == kAvailableNoInterrupt);
  CHECK(withFlag.ring.armInterrupt());
  CHECK(withFlag.ring.availableFlags() == 0);
}

TEST_CASE("guest memory: regions, their files and the allocator") {
  GuestMemory memory;
  REQUIRE(memory.addRegion(0x1000, 0x2000, 0x3000).ok());
  REQUIRE(memory.addRegionAtHostAddr(0x4000).ok());
  const auto regions = memory.descriptions();
  REQUIRE(regions.size() == 2);
  CHECK(regions[0].guestAddr == 0x1000);
  CHECK(regions[0].mmapOffset == 0x3000);
  CHECK(regions[1].guestAddr == regions[1].frontendAddr);

  CHECK(*memory.allocate(1, 1) == 0x1000);
  CHECK(*memory.allocate(0x1000, 64) == 0x1040);
  // The first region has no room left for this one.
  CHECK(*memory.allocate(0x2000, 0x1000) == regions[1].guestAddr);
  CHECK(memory.allocate(0x4000, 1).error().code == ENOMEM);

  CHECK(memory.hostAddr(0x2fff, 1) != nullptr);
  CHECK(memory.hostAddr(0x2fff, 2) == nullptr);
  CHECK(memory.hostAddr(0xfff, 1) == nullptr);
  REQUIRE(memory.removeRegion(0x1000).ok());
  CHECK(memory.hostAddr(0x1000, 1) == nullptr);
  CHECK(memory.removeRegion(0x1000).error().code == ENOENT);
}

}  // namespace
}  // namespace holdfast::frontend
