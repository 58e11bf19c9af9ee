#include <doctest/doctest.h>
#include <poll.h>

#include <array>
#include <vector>

#include "support/blk_fixture.h"
#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"

using namespace holdfast;
using frontend::BlkDriver;
using frontend::Buffer;
using frontend::kDescriptorIndirect;
using frontend::kDescriptorNext;
using frontend::kDescriptorWrite;
using frontend::PackedDescriptor;
using frontend::PackedRing;
using test::BlkFixture;
using test::ScsiFixture;

namespace {

constexpr uint8_t kOk = VIRTIO_BLK_S_OK;
constexpr uint8_t kRead10 = 0x28, kWrite10 = 0x2a;
constexpr uint64_t kNowhere = uint64_t{1} << 50;
/// No driver's: those of the front end are below the ring's size.
constexpr uint16_t kForeignId = 0xfffe;

void checkServes(BlkDriver& driver, uint16_t queue = 0) {
  std::vector<std::byte> data(512);
  const auto status = driver.read(0, data, queue);
  REQUIRE_MESSAGE(status.ok(), (status.ok() ? "" : status.error().message));
  CHECK(*status == kOk);
}

/// Sends a chain that the test wrote by hand and waits for its id to come back.
uint32_t sendRaw(frontend::Virtqueue& queue, const std::vector<PackedDescriptor>& chain) {
  queue.packed().addRaw(chain);
  queue.publish();
  const auto used = queue.popWait();
  REQUIRE_MESSAGE(used.ok(), (used.ok() ? "" : used.error().message));
  CHECK(used->head == chain.back().id);
  return used->writtenBytes;
}

/// The error fd is signalled: the ring is given up for good.
bool ringBreaks(BlkDriver& driver) {
  pollfd error{driver.queue(0).errFd(), POLLIN, 0};
  return ::poll(&error, 1, 10'000) == 1;
}

PackedDescriptor readable(const Buffer& buffer, uint16_t id, uint16_t flags = 0) {
  return {buffer.guestAddr, buffer.size, id, flags};
}

PackedDescriptor writable(const Buffer& buffer, uint16_t id, uint16_t flags = 0) {
  return {buffer.guestAddr, buffer.size, id, static_cast<uint16_t>(flags | kDescriptorWrite)};
}

}  // namespace

TEST_CASE("packed ring, hostile: a flawed chain gives its id back and the ring goes on") {
  BlkFixture fixture;
  auto driver = fixture.driver({.packed = true});
  frontend::Virtqueue& queue = driver->queue(0);
  auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
  REQUIRE(request.ok());
  const PackedDescriptor header = readable(request->header, 0, kDescriptorNext);
  const PackedDescriptor status = writable(request->status, kForeignId);

  SUBCASE("head only") {
    CHECK(sendRaw(queue, {readable(request->header, kForeignId)}) == 0);
  }
  SUBCASE("an id far beyond the ring, in a chain that is fine") {
    CHECK(sendRaw(queue, {header, writable(request->data, 0, kDescriptorNext), status}) == 513);
    CHECK(driver->statusOf(*request) == kOk);
  }
  SUBCASE("the last descriptor's id counts") {
    const PackedDescriptor other = readable(request->header, 3, kDescriptorNext);
    CHECK(sendRaw(queue, {other, status}) == 1);
  }
  SUBCASE("a header that is too short") {
    const PackedDescriptor cut{request->header.guestAddr, 15, 0, kDescriptorNext};
    CHECK(sendRaw(queue, {cut, status}) == 1);
    CHECK(driver->statusOf(*request) == VIRTIO_BLK_S_IOERR);
  }
  SUBCASE("a status byte nobody mapped, and an address that wraps") {
    for (const uint64_t guestAddr : {kNowhere, UINT64_MAX - 100}) {
      const PackedDescriptor nowhere{guestAddr, 512, kForeignId, kDescriptorWrite};
      CHECK(sendRaw(queue, {header, nowhere}) == 0);
    }
  }
  SUBCASE("data nobody mapped, but a good status byte") {
    const PackedDescriptor nowhere{kNowhere, 512, 0, kDescriptorWrite | kDescriptorNext};
    CHECK(sendRaw(queue, {header, nowhere, status}) == 1);
    CHECK(driver->statusOf(*request) == VIRTIO_BLK_S_IOERR);
  }
  SUBCASE("readable after writable") {
    CHECK(sendRaw(queue, {writable(request->status, 0, kDescriptorNext),
                          readable(request->header, kForeignId)}) == 1);
    CHECK(driver->statusOf(*request) == VIRTIO_BLK_S_IOERR);
  }
  SUBCASE("zero-length descriptors only") {
    CHECK(sendRaw(queue, {{request->header.guestAddr, 0, kForeignId, 0}}) == 0);
  }
  SUBCASE("indirect: length 0, not a multiple of 16, nested, huge, unmapped, wrapping") {
    const auto table = driver->memory().allocate(32, 16);
    REQUIRE(table.ok());
    auto* entries = reinterpret_cast<PackedDescriptor*>(driver->memory().hostAddr(*table, 32));
    entries[0] = readable(request->header, 0);
    entries[1] = {*table, 16, 0, kDescriptorIndirect};
    for (const auto& [guestAddr, size] : {std::pair<uint64_t, uint32_t>{*table, 0},
                                          {*table, 24},
                                          {*table, 32},
                                          {*table, 0xfffffff0},
                                          {kNowhere, 32},
                                          {UINT64_MAX - 15, 32}}) {
      CAPTURE(size);
      CHECK(sendRaw(queue, {{guestAddr, size, kForeignId, kDescriptorIndirect}}) == 0);
    }
  }
  SUBCASE("an indirect descriptor at the start or at the end of a chain of several") {
    const auto table = driver->memory().allocate(16, 16);
    REQUIRE(table.ok());
    *reinterpret_cast<PackedDescriptor*>(driver->memory().hostAddr(*table, 16)) =
        writable(request->status, 0);
    CHECK(sendRaw(queue, {header, {*table, 16, kForeignId, kDescriptorIndirect}}) == 0);
    CHECK(sendRaw(queue, {{*table, 16, 0, kDescriptorIndirect | kDescriptorNext}, status}) == 1);
    CHECK(driver->statusOf(*request) == VIRTIO_BLK_S_IOERR);
  }
  checkServes(*driver);
}

TEST_CASE("packed ring: NEXT in an indirect table says nothing, all of the table is the chain") {
  BlkFixture fixture;
  auto driver = fixture.driver({.features = ~(1ULL << frontend::kFeatureIndirect), .packed = true});
  auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
  REQUIRE(request.ok());
  const auto table = driver->memory().allocate(48, 16);
  REQUIRE(table.ok());
  auto* entries = reinterpret_cast<PackedDescriptor*>(driver->memory().hostAddr(*table, 48));
  entries[0] = readable(request->header, 9);
  entries[1] = writable(request->data, 9, kDescriptorNext);
  entries[2] = writable(request->status, 9, kDescriptorNext);
  CHECK(sendRaw(driver->queue(0), {{*table, 48, kForeignId, kDescriptorIndirect}}) == 513);
  CHECK(driver->statusOf(*request) == kOk);
}

TEST_CASE("packed ring, hostile: a chain longer than the ring ends this ring only") {
  BlkFixture fixture;
  auto driver = fixture.driver({.numQueues = 2, .queueSize = 16, .packed = true});
  auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
  REQUIRE(request.ok());
  frontend::Virtqueue& queue = driver->queue(0);
  SUBCASE("NEXT in every descriptor") {
    const std::vector<PackedDescriptor> endless(16, readable(request->header, 1, kDescriptorNext));
    queue.packed().addRaw(endless);
    queue.publish();
  }
  SUBCASE("that runs into descriptors the device already used") {
    for (int i = 0; i < 4; ++i) checkServes(*driver);  // 12 descriptors
    const std::vector<PackedDescriptor> endless(16, readable(request->header, 1, kDescriptorNext));
    queue.packed().addRaw(endless);
    queue.publish();
  }
  CHECK(ringBreaks(*driver));
  checkServes(*driver, 1);
  CHECK(queue.stop(driver->connection()).ok());
}

TEST_CASE("packed ring, hostile: descriptors of a lap that isn't on are not there") {
  BlkFixture fixture;
  auto driver = fixture.driver({.packed = true});
  PackedRing& ring = driver->queue(0).packed();
  const uint64_t next = ring.nextAvailable();
  for (const uint16_t wrong :
       {uint16_t{0}, frontend::kPackedUsed,
        static_cast<uint16_t>(frontend::kPackedAvailable | frontend::kPackedUsed)}) {
    std::atomic_ref<uint16_t>(ring.descriptor(next).flags).store(wrong);
    driver->queue(0).kick();
  }
  checkServes(*driver);  // overwrites it, as the first to be served
  CHECK(ring.nextUsed() == ring.nextAvailable());
  CHECK(fixture.total(&virtio::QueueCounters::requests) == 1);
}

TEST_CASE("packed ring, hostile: more in flight than the ring ends this ring only") {
  auto fence = std::make_shared<AccessFence>();
  fence->set({.held = true});
  BlkFixture fixture({.fence = fence});
  auto driver = fixture.driver({.queueSize = 4, .packed = true});
  auto request = driver->makeRequest(VIRTIO_BLK_T_FLUSH, 0, 0, true);
  REQUIRE(request.ok());
  frontend::Virtqueue& queue = driver->queue(0);
  const auto sendFlush = [&](uint16_t id) {
    queue.packed().addRaw(
        std::array{readable(request->header, id, kDescriptorNext), writable(request->status, id)});
    queue.publish();
  };
  sendFlush(0);
  sendFlush(1);
  while (fixture.attachment().inFlight() < 2) std::this_thread::yield();
  sendFlush(2);  // over the first one's descriptors
  CHECK(ringBreaks(*driver));
  fence->set({.reads = true, .writes = true});
}

TEST_CASE("packed ring: one id twice in flight comes back twice") {
  BlkFixture fixture;
  auto driver = fixture.driver({.packed = true});
  auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
  REQUIRE(request.ok());
  const auto table = driver->memory().allocate(48, 16);
  REQUIRE(table.ok());
  auto* entries = reinterpret_cast<PackedDescriptor*>(driver->memory().hostAddr(*table, 48));
  entries[0] = readable(request->header, 0);
  entries[1] = writable(request->data, 0);
  entries[2] = writable(request->status, 0);
  PackedRing& ring = driver->queue(0).packed();
  const std::array chain{PackedDescriptor{*table, 48, kForeignId, kDescriptorIndirect}};
  ring.addRaw(chain);
  ring.addRaw(chain);
  driver->queue(0).publish();
  for (int i = 0; i < 2; ++i) {
    const auto used = driver->queue(0).popWait();
    REQUIRE(used.ok());
    CHECK(used->head == kForeignId);
  }
  checkServes(*driver);
}

TEST_CASE("packed ring, hostile: any event suppression, and the ring goes on") {
  BlkFixture fixture;
  auto driver = fixture.driver({.packed = true});
  PackedRing& ring = driver->queue(0).packed();
  auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
  REQUIRE(request.ok());
  const std::array chain{request->header, request->data, request->status};
  for (const uint16_t flags : {0, 1, 2, 3, 0xffff}) {
    for (const uint16_t position : {0, 0x7fff, 0x8000, 0xffff}) {
      ring.tellDevice({position, flags});
      REQUIRE(ring.add(chain));
      driver->queue(0).publish();
      while (!ring.pop()) {  // looks itself: an interrupt need not come
      }
    }
  }
  checkServes(*driver);
}

TEST_CASE("packed ring: sizes that are no power of two, chains across the end, many laps") {
  for (const uint16_t size : {uint16_t{3}, uint16_t{5}, uint16_t{100}, uint16_t{256}}) {
    CAPTURE(size);
    BlkFixture fixture;
    auto driver = fixture.driver({.queueSize = size, .packed = true});
    for (int i = 0; i < 300; ++i) checkServes(*driver);
  }
}

TEST_CASE("packed ring: a restart goes on at its base, in whichever lap that is") {
  BlkFixture fixture;
  auto driver = fixture.driver({.queueSize = 10, .packed = true});
  frontend::Virtqueue& queue = driver->queue(0);
  for (int i = 0; i < 12; ++i) {
    checkServes(*driver);  // three descriptors
    const auto base = queue.stop(driver->connection());
    REQUIRE(base.ok());
    const uint16_t expected = queue.packed().encode(queue.packed().nextUsed());
    CHECK(*base == (expected | uint32_t{expected} << 16));
    REQUIRE(queue.start(driver->connection()).ok());
  }
}

TEST_CASE("packed ring: base 0 is the second lap, or the start of a ring that was never used") {
  BlkFixture fixture;
  auto driver = fixture.driver({.queueSize = 3, .packed = true});
  frontend::Virtqueue& queue = driver->queue(0);
  REQUIRE(queue.stop(driver->connection()).ok());
  REQUIRE(driver->connection().setVringBase(0, 0).ok());  // as user-mode Linux does
  REQUIRE(driver->connection().setVringKick(0, queue.kickFd()).ok());
  for (const uint32_t expected : {0U, 0x80008000U, 0U}) {
    checkServes(*driver);  // three descriptors
    const auto base = queue.stop(driver->connection());
    REQUIRE(base.ok());
    CHECK(*base == expected);
    REQUIRE(queue.start(driver->connection()).ok());
  }
}

TEST_CASE("packed ring: a base outside the ring, or no room for its parts, starts nothing") {
  BlkFixture fixture;
  auto driver = fixture.driver({.packed = true});
  frontend::Connection& connection = driver->connection();
  frontend::Virtqueue& queue = driver->queue(0);
  REQUIRE(queue.stop(connection).ok());
  for (const uint32_t base : {0x80008080U, 0x80808000U, 0x7fff7fffU, ~0U}) {
    CAPTURE(base);
    REQUIRE(connection.setVringBase(0, base).ok());
    CHECK_FALSE(connection.setVringKick(0, queue.kickFd()).ok());
  }
  REQUIRE(connection.setVringBase(0, 0x80008000).ok());
  const auto& region = driver->memory().regions()[0].description;
  const uint64_t end = region.frontendAddr + region.size;
  const auto starts = [&](uint64_t descriptors, uint64_t available, uint64_t used) {
    REQUIRE(connection
                .setVringAddr({.index = 0,
                               .descriptorAddr = descriptors,
                               .usedAddr = used,
                               .availableAddr = available})
                .ok());
    return connection.setVringKick(0, queue.kickFd()).ok();
  };
  const uint64_t start = region.frontendAddr;
  CHECK_FALSE(starts(end - 2032, start, start + 64));
  CHECK_FALSE(starts(start, end - 2, start + 64));
  CHECK_FALSE(starts(start, start + 4096, end));
  CHECK_FALSE(starts(start + 4, start + 4096, start + 4160));
  CHECK_FALSE(starts(start, start + 4098, start + 4160));
  CHECK(starts(end - 2048, start + 4096, start + 4160));
  REQUIRE(queue.stop(connection).ok());
}

TEST_CASE("packed ring: memory changes under a ring that runs") {
  BlkFixture fixture;
  auto driver = fixture.driver({.packed = true});
  driver->connection().setAskForReplies(true);
  for (int round = 0; round < 20; ++round) {
    REQUIRE(driver->memory().addRegion(uint64_t{1} << 40, 1 << 20).ok());
    const auto region = driver->memory().regions().back().description;
    REQUIRE(driver->connection().addMemReg(region, driver->memory().files().back()).ok());
    auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 0, true);
    std::vector<Buffer> chain{request->header, {region.guestAddr, 4096, true}, request->status};
    REQUIRE(driver->submitAndWait(chain).ok());
    CHECK(driver->statusOf(*request) == kOk);
    REQUIRE(driver->connection().remMemReg(region).ok());
    REQUIRE(driver->memory().removeRegion(uint64_t{1} << 40).ok());
  }
  CHECK_FALSE(driver->connection().remMemReg(driver->memory().regions()[0].description).ok());
  checkServes(*driver);
}

TEST_CASE("packed ring: scsi moves data, manages tasks and tells events") {
  ScsiFixture fixture;
  auto driver = fixture.driver({.numQueues = 4, .packed = true});
  const auto lun = frontend::scsiLun(1, 0);
  const std::vector<std::byte> written = test::pattern(4096, 3);
  std::vector<std::byte> read(4096);
  test::checkGood(driver->execute(lun, test::blockCdb(kWrite10, 8, 8), written));
  test::checkGood(driver->execute(lun, test::blockCdb(kRead10, 8, 8), {}, read, 3));
  CHECK(read == written);

  const auto function = driver->manageTask(VIRTIO_SCSI_T_TMF_ABORT_TASK, lun, 1);
  REQUIRE(function.ok());
  CHECK(*function == VIRTIO_SCSI_S_OK);

  REQUIRE(driver->offerEventBuffers(2).ok());
  REQUIRE(fixture.controller().addUnit(fixture.unit(2, 0)).ok());
  const auto event = driver->nextEvent();
  REQUIRE(event.ok());
  CHECK(event->event == VIRTIO_SCSI_T_TRANSPORT_RESET);
}

TEST_CASE("packed ring, hostile: scsi's control queue gives every chain back") {
  ScsiFixture fixture;
  auto driver = fixture.driver({.numQueues = 4, .packed = true});
  auto request = driver->makeRequest(frontend::scsiLun(1, 0), std::vector<uint8_t>(6), 0, false);
  REQUIRE(request.ok());
  frontend::Virtqueue& control = driver->queue(frontend::ScsiDriver::kControlQueue);
  CHECK(sendRaw(control, {readable(request->header, kForeignId)}) == 0);
  CHECK(sendRaw(control, {{kNowhere, 64, kForeignId, 0}}) == 0);
  CHECK(driver->manageTask(VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, frontend::scsiLun(9, 0)).ok());
}
