#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "frontend/guest_memory.h"
#include "frontend/packed_ring.h"

namespace holdfast::frontend {
namespace {

constexpr uint16_t kBoth = kPackedAvailable | kPackedUsed;
constexpr Buffer kReadable{0x20000, 16, false};
constexpr Buffer kWritable{0x30000, 512, true};

struct RingFixture {
  GuestMemory memory;
  PackedRing ring;
  uint64_t deviceUsed = 0;

  explicit RingFixture(uint16_t size = 8, bool eventIndex = true)
      : memory(makeMemory()), ring(*PackedRing::create(memory, size, eventIndex)) {}

  static GuestMemory makeMemory() {
    GuestMemory memory;
    REQUIRE(memory.addRegion(0x10000, 1 << 20).ok());
    return memory;
  }

  /// Plays the device: the next used descriptor, for a chain of `length`.
  void use(uint16_t id, uint16_t length, uint32_t size = 0) {
    PackedDescriptor& place = ring.descriptor(deviceUsed);
    place.id = id;
    place.size = size;
    place.flags = deviceUsed / ring.size() % 2 == 0 ? kBoth : 0;
    deviceUsed += length;
  }
};

TEST_CASE("packed ring: a chain of three is written as the specification says") {
  RingFixture f;
  const auto id = f.ring.add(std::array{kReadable, kWritable, kWritable});
  REQUIRE(id.has_value());
  CHECK(f.ring.descriptor(0).flags == 0);  // nothing is visible before publish
  f.ring.publish();
  CHECK(f.ring.descriptor(0).guestAddr == kReadable.guestAddr);
  CHECK(f.ring.descriptor(0).flags == (kDescriptorNext | kPackedAvailable));
  CHECK(f.ring.descriptor(1).flags == (kDescriptorNext | kDescriptorWrite | kPackedAvailable));
  CHECK(f.ring.descriptor(2).flags == (kDescriptorWrite | kPackedAvailable));
  CHECK(f.ring.descriptor(2).id == *id);
}

TEST_CASE("packed ring: an indirect chain takes one descriptor, its table has no NEXT") {
  RingFixture f;
  std::array<PackedDescriptor, 3> table;
  REQUIRE(f.ring.addIndirect(std::array{kReadable, kWritable, kWritable}, 0x40000, table.data()));
  f.ring.publish();
  CHECK(f.ring.freeDescriptors() == 7);
  CHECK(f.ring.descriptor(0).size == 48);
  CHECK(f.ring.descriptor(0).flags == (kDescriptorIndirect | kPackedAvailable));
  CHECK(table[0].flags == 0);
  CHECK(table[2].flags == kDescriptorWrite);
}

TEST_CASE("packed ring: laps flip the flags, chains come back in any order") {
  RingFixture f;
  const std::array pair = {kReadable, kWritable};
  for (int lap = 0; lap < 5; ++lap) {
    std::array<uint16_t, 4> ids;
    for (uint16_t& id : ids) id = *f.ring.add(pair);
    CHECK_FALSE(f.ring.add(pair).has_value());
    f.ring.publish();
    CHECK((f.ring.descriptor(0).flags & kBoth) == (lap % 2 ? kPackedUsed : kPackedAvailable));
    CHECK_FALSE(f.ring.hasUsed());
    std::reverse(ids.begin(), ids.end());
    for (const uint16_t id : ids) f.use(id, 2, 7);
    CHECK(f.ring.usedCount() == 4);
    for (const uint16_t id : ids) {
      const auto used = f.ring.pop();
      REQUIRE(used.has_value());
      CHECK(used->head == id);
      CHECK(used->writtenBytes == 7);
      CHECK(used->ours);
    }
    CHECK_FALSE(f.ring.pop().has_value());
    CHECK(f.ring.freeDescriptors() == 8);
  }
}

TEST_CASE("packed ring: an id that is not in flight frees nothing") {
  RingFixture f;
  REQUIRE(f.ring.add(std::array{kReadable}));
  f.ring.publish();
  f.use(77, 1);
  CHECK_FALSE(f.ring.pop()->ours);
  CHECK(f.ring.freeDescriptors() == 7);
}

TEST_CASE("packed ring: the device's wish decides over kicks, also across the ring's end") {
  RingFixture f;
  const auto addAndPublish = [&](unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      f.use(*f.ring.add(std::array{kReadable}), 1);
      f.ring.publish();
      f.ring.pop();
    }
  };
  const auto kicks = [&] {
    const uint16_t id = *f.ring.add(std::array{kReadable});
    const bool wanted = f.ring.publish();
    f.use(id, 1);
    f.ring.pop();
    return wanted;
  };
  CHECK(kicks());  // ENABLE
  f.ring.deviceEvent() = {0, EventSuppression::kDisable};
  CHECK_FALSE(kicks());
  f.ring.deviceEvent() = {3 | 0x8000, EventSuppression::kDescriptor};
  CHECK_FALSE(kicks());
  CHECK(kicks());
  CHECK_FALSE(kicks());
  addAndPublish(6);  // up to descriptor 3 of the second lap
  CHECK(f.ring.encode(f.ring.nextAvailable()) == 3);
  CHECK_FALSE(kicks());  // the first lap's 3 was asked for
  CHECK_FALSE(f.ring.publish());
}

TEST_CASE("packed ring: the interrupt is asked for by position, or by flag") {
  RingFixture withEvent;
  const uint16_t id = *withEvent.ring.add(std::array{kReadable});
  withEvent.ring.publish();
  CHECK(withEvent.ring.armInterrupt());
  CHECK(withEvent.ring.driverEvent().position == 0x8000);
  CHECK(withEvent.ring.driverEvent().flags == EventSuppression::kDescriptor);
  withEvent.use(id, 1);
  CHECK_FALSE(withEvent.ring.armInterrupt());
  withEvent.ring.pop();
  CHECK(withEvent.ring.armInterrupt());
  CHECK(withEvent.ring.driverEvent().position == 0x8001);

  RingFixture withFlag(8, false);
  withFlag.ring.disarmInterrupt();
  CHECK(withFlag.ring.driverEvent().flags == EventSuppression::kDisable);
  CHECK(withFlag.ring.armInterrupt());
  CHECK(withFlag.ring.driverEvent().flags == EventSuppression::kEnable);
}

}  // namespace
}  // namespace holdfast::frontend
