#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "core/virtio/inflight_layout.h"
#include "support/blk_fixture.h"
#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"

using namespace holdfast;
using frontend::Buffer;
using test::BlkFixture;
using test::ScsiFixture;

namespace {

constexpr uint8_t kRead10 = 0x28;

/// Puts a chain into the stopped ring of `queue` as if a back end had taken it and ended: the
/// driver has made it available, the notes say that it is in flight.
void leaveBehind(frontend::Driver& driver, uint16_t index, std::span<const Buffer> chain,
                 uint64_t counter) {
  frontend::Virtqueue& queue = driver.queue(index);
  std::byte* notes = driver.inflight()->queue(index);
  const bool packed = driver.hasFeature(frontend::kFeaturePacked);
  const auto id = queue.ring().add(chain);
  REQUIRE(id.has_value());
  const uint64_t start = packed ? queue.packed().nextAvailable() - chain.size() : 0;
  (void)queue.ring().publish();  // and no kick
  if (!packed) {
    auto* entries =
        reinterpret_cast<virtio::SplitInflightEntry*>(notes + sizeof(virtio::SplitInflightHeader));
    entries[*id].counter = counter;
    entries[*id].inflight = 1;
    return;
  }
  auto& header = *reinterpret_cast<virtio::PackedInflightHeader*>(notes);
  auto* entries = reinterpret_cast<virtio::PackedInflightEntry*>(&header + 1);
  const uint16_t first = header.free.head;
  uint16_t entry = first;
  for (size_t i = 0; i < chain.size(); ++i) {
    const frontend::PackedDescriptor& descriptor = queue.packed().descriptor(start + i);
    entries[entry].guestAddr = descriptor.guestAddr;
    entries[entry].length = descriptor.size;
    entries[entry].id = descriptor.id;
    entries[entry].flags = descriptor.flags;
    entries[first].last = entry;
    entry = entries[entry].next;
  }
  entries[first].num = static_cast<uint16_t>(chain.size());
  entries[first].counter = counter;
  entries[first].inflight = 1;
  header.free = {entry, entry};
}

}  // namespace

TEST_CASE("inflight, blk: a ring that starts serves what was left in it, without a kick") {
  for (const auto& [packed, eventIndex] : test::kRingKinds) {
    CAPTURE(packed);
    BlkFixture fixture;
    frontend::BlkDriverOptions options{.packed = packed};
    if (!eventIndex) options.features = ~(1ULL << frontend::kFeatureEventIndex);
    auto driver = fixture.driver(options);
    REQUIRE(driver->inflight().has_value());
    frontend::Virtqueue& queue = driver->queue(0);
    std::vector<std::byte> block(512, std::byte{0x42});
    REQUIRE(*driver->write(3, block) == VIRTIO_BLK_S_OK);
    REQUIRE(queue.stop(driver->connection()).ok());

    std::vector<frontend::BlkDriver::RequestBuffers> requests;
    for (uint64_t i = 0; i < 5; ++i) {
      auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 3, 512, true);
      REQUIRE(request.ok());
      leaveBehind(*driver, 0, std::array{request->header, request->data, request->status}, 10 - i);
      requests.push_back(*request);
    }
    REQUIRE(queue.start(driver->connection()).ok());
    for (size_t i = 0; i < requests.size(); ++i) {
      const auto used = queue.popWait();
      REQUIRE_MESSAGE(used.ok(), (used.ok() ? "" : used.error().message));
      CHECK(used->ours);
      CHECK(used->writtenBytes == 513);
    }
    for (const auto& request : requests) {
      CHECK(driver->statusOf(request) == VIRTIO_BLK_S_OK);
      CHECK(driver->dataOf(request)[511] == std::byte{0x42});
    }
    CHECK_FALSE(queue.ring().hasUsed());
    REQUIRE(*driver->read(3, block) == VIRTIO_BLK_S_OK);
    CHECK(fixture.total(&virtio::QueueCounters::requests) == 7);
  }
}

TEST_CASE("inflight, scsi: each queue serves what was left in its own part") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    ScsiFixture fixture;
    auto driver = fixture.driver({.numQueues = 4, .packed = packed});
    std::vector<frontend::ScsiDriver::Request> requests;
    for (uint16_t index = 2; index < 4; ++index) {
      REQUIRE(driver->queue(index).stop(driver->connection()).ok());
      auto request = driver->makeRequest(frontend::scsiLun(1, 0), test::blockCdb(kRead10, 0, 8),
                                         4096, true, index);
      REQUIRE(request.ok());
      leaveBehind(*driver, index, frontend::ScsiDriver::chainOf(*request), 1);
      requests.push_back(*request);
    }
    for (uint16_t index = 2; index < 4; ++index) {
      REQUIRE(driver->queue(index).start(driver->connection()).ok());
      const auto used = driver->queue(index).popWait();
      REQUIRE(used.ok());
      test::checkGood(driver->resultOf(requests[index - 2u], used->writtenBytes));
    }
  }
}

TEST_CASE("inflight, scsi: the control plane is told which commands may have been carried out") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    ScsiFixture fixture;
    auto driver = fixture.driver({.numQueues = 3, .packed = packed});
    frontend::Virtqueue& queue = driver->queue(2);
    REQUIRE(queue.stop(driver->connection()).ok());
    const auto lun = frontend::scsiLun(1, 0);
    const test::CdbBytes testUnitReady(6);
    auto left = driver->makeRequest(lun, testUnitReady, 0, false);
    REQUIRE(left.ok());
    leaveBehind(*driver, 2, frontend::ScsiDriver::chainOf(*left), 1);
    const auto first = fixture.whileAnswering({.status = 0}, [&] {
      REQUIRE(queue.start(driver->connection()).ok());
      REQUIRE(queue.popWait().ok());
    });
    CHECK(first.header.leftOver);
    const auto second = fixture.whileAnswering(
        {.status = 0}, [&] { test::checkGood(driver->execute(lun, testUnitReady, {}, {})); });
    CHECK_FALSE(second.header.leftOver);
  }
}

TEST_CASE("inflight: nothing is noted once all is answered, over a stop and a start") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    BlkFixture fixture;
    auto driver = fixture.driver({.queueSize = 16, .packed = packed});
    std::vector<std::byte> data(512);
    for (int i = 0; i < 20; ++i) {
      REQUIRE(*driver->read(0, data) == VIRTIO_BLK_S_OK);
      REQUIRE(driver->queue(0).stop(driver->connection()).ok());
      const std::byte* notes = driver->inflight()->queue(0);
      for (uint16_t entry = 0; entry < 16; ++entry) {
        const size_t offset =
            packed
                ? sizeof(virtio::PackedInflightHeader) + entry * sizeof(virtio::PackedInflightEntry)
                : sizeof(virtio::SplitInflightHeader) + entry * sizeof(virtio::SplitInflightEntry);
        CHECK(notes[offset] == std::byte{0});
      }
      REQUIRE(driver->queue(0).start(driver->connection()).ok());
    }
  }
}

TEST_CASE("inflight, hostile: a region that doesn't fit its rings starts none") {
  BlkFixture fixture;
  auto driver = fixture.driver({.numQueues = 2, .queueSize = 128});
  frontend::Connection& connection = driver->connection();
  for (uint16_t index = 0; index < 2; ++index) REQUIRE(driver->queue(index).stop(connection).ok());
  const auto starts = [&](uint16_t index) { return driver->queue(index).start(connection).ok(); };
  SUBCASE("a queue too few") {
    auto region = frontend::InflightMemory::request(connection, 1, 128);
    REQUIRE(region.ok());
    REQUIRE(region->give(connection).ok());
    CHECK(starts(0));
    CHECK_FALSE(starts(1));
  }
  SUBCASE("made by another back end for smaller rings: the ring goes on without notes") {
    auto region = frontend::InflightMemory::request(connection, 2, 64);
    REQUIRE(region.ok());
    region->description().mmapSize = 2 * virtio::inflightBytes(false, 64);
    REQUIRE(region->give(connection).ok());
    REQUIRE(starts(0));
    std::vector<std::byte> data(512);
    CHECK(*driver->read(0, data) == VIRTIO_BLK_S_OK);
    for (uint64_t i = 0; i < region->description().mmapSize; ++i)
      REQUIRE(region->queue(0)[i] == std::byte{0});
  }
  SUBCASE("made by another back end for split rings, and packed ones negotiated afterwards") {
    auto& region = *driver->inflight();
    region.description().mmapSize = 2 * virtio::inflightBytes(false, 128);
    REQUIRE(region.give(connection).ok());
    REQUIRE(connection.setFeatures(driver->features() | 1ULL << frontend::kFeaturePacked).ok());
    REQUIRE(connection.setVringBase(0, 0x80008000).ok());
    CHECK_FALSE(connection.setVringKick(0, driver->queue(0).kickFd()).ok());
  }
  SUBCASE("damaged") {
    reinterpret_cast<virtio::SplitInflightHeader*>(driver->inflight()->queue(0))->version = 7;
    CHECK_FALSE(starts(0));
    CHECK(starts(1));
  }
}

TEST_CASE("inflight: QEMU 7.2's vhost-user-scsi asks for it before it tells the rings' layout") {
  BlkFixture fixture;
  auto driver = fixture.driver({.numQueues = 2, .packed = true});
  frontend::Connection& connection = driver->connection();
  for (uint16_t index = 0; index < 2; ++index) REQUIRE(driver->queue(index).stop(connection).ok());
  REQUIRE(connection.setFeatures(driver->features() & ~(1ULL << frontend::kFeaturePacked)).ok());
  auto region = frontend::InflightMemory::request(connection, 2, 128);
  REQUIRE(region.ok());
  REQUIRE(region->give(connection).ok());
  REQUIRE(connection.setFeatures(driver->features()).ok());
  for (uint16_t index = 0; index < 2; ++index) {
    const Status started = driver->queue(index).start(connection);
    REQUIRE_MESSAGE(started.ok(), (started.ok() ? "" : started.error().message));
  }
  std::vector<std::byte> data(512);
  CHECK(*driver->read(0, data) == VIRTIO_BLK_S_OK);
  const auto* notes = reinterpret_cast<const virtio::PackedInflightHeader*>(region->queue(1));
  CHECK(notes->version == virtio::kInflightVersion);
}

TEST_CASE("inflight: QEMU asks for 128 descriptors and has rings of 1024, which are noted") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    BlkFixture fixture;
    auto driver = fixture.driver({.queueSize = 1024, .packed = packed});
    frontend::Connection& connection = driver->connection();
    REQUIRE(driver->queue(0).stop(connection).ok());
    auto region = frontend::InflightMemory::request(connection, 1, 128);
    REQUIRE(region.ok());
    driver->inflight() = std::move(*region);
    REQUIRE(driver->inflight()->give(connection).ok());
    REQUIRE(driver->queue(0).start(connection).ok());
    REQUIRE(driver->queue(0).stop(connection).ok());
    const std::byte* notes = driver->inflight()->queue(0);
    CHECK((packed ? reinterpret_cast<const virtio::PackedInflightHeader*>(notes)->size
                  : reinterpret_cast<const virtio::SplitInflightHeader*>(notes)->size) >= 1024);

    auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
    REQUIRE(request.ok());
    leaveBehind(*driver, 0, std::array{request->header, request->data, request->status}, 1);
    REQUIRE(driver->queue(0).start(connection).ok());
    REQUIRE(driver->queue(0).popWait().ok());
    CHECK(driver->statusOf(*request) == VIRTIO_BLK_S_OK);
  }
}
