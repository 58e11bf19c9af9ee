#include <doctest/doctest.h>
#include <poll.h>

#include <cstring>

#include "core/base/event_fd.h"
#include "support/blk_fixture.h"

using namespace holdfast;
using frontend::BlkDriver;
using frontend::Buffer;
using frontend::Descriptor;
using test::BlkFixture;

namespace {

constexpr uint8_t kOk = VIRTIO_BLK_S_OK;

void checkServes(BlkDriver& driver, uint16_t queue = 0) {
  std::vector<std::byte> data(512);
  const auto status = driver.read(0, data, queue);
  REQUIRE_MESSAGE(status.ok(), (status.ok() ? "" : status.error().message));
  CHECK(*status == kOk);
}

/// Puts a chain that the test wrote by hand at `head` and waits for its head to come back.
uint32_t sendHead(BlkDriver& driver, uint16_t head) {
  frontend::Virtqueue& queue = driver.queue(0);
  queue.split().addHead(head);
  queue.publish();
  const auto used = queue.popWait();
  REQUIRE_MESSAGE(used.ok(), (used.ok() ? "" : used.error().message));
  CHECK(used->head == head);
  return used->writtenBytes;
}

/// The error fd is signalled: the ring is given up for good.
bool ringBreaks(BlkDriver& driver) {
  pollfd error{driver.queue(0).errFd(), POLLIN, 0};
  return ::poll(&error, 1, 10'000) == 1;
}

}  // namespace

TEST_CASE(
    "ring: a flawed chain gives its head back, the status where there is one, and the ring goes "
    "on") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
  REQUIRE(request.ok());
  frontend::SplitRing& ring = driver->queue(0).split();
  const auto header = [&](uint16_t next) {
    return Descriptor{request->header.guestAddr, 16, frontend::kDescriptorNext, next};
  };
  const uint16_t head = static_cast<uint16_t>(ring.size() - 4);

  SUBCASE("head only") {
    ring.descriptor(head) = {request->header.guestAddr, 16, 0, 0};
    CHECK(sendHead(*driver, head) == 0);
  }
  SUBCASE("a loop to itself") {
    ring.descriptor(head) = header(head);
    CHECK(sendHead(*driver, head) == 0);
  }
  SUBCASE("a loop over two") {
    ring.descriptor(head) = header(static_cast<uint16_t>(head + 1));
    ring.descriptor(static_cast<uint16_t>(head + 1)) = header(head);
    CHECK(sendHead(*driver, head) == 0);
  }
  SUBCASE("next beyond the table") {
    ring.descriptor(head) = header(ring.size());
    CHECK(sendHead(*driver, head) == 0);
  }
  SUBCASE("a header that is too short") {
    ring.descriptor(head) = {request->header.guestAddr, 15, frontend::kDescriptorNext,
                             static_cast<uint16_t>(head + 1)};
    ring.descriptor(static_cast<uint16_t>(head + 1)) = {request->status.guestAddr, 1,
                                                        frontend::kDescriptorWrite, 0};
    CHECK(sendHead(*driver, head) == 1);
    CHECK(driver->statusOf(*request) == VIRTIO_BLK_S_IOERR);
  }
  SUBCASE("a status byte nobody mapped") {
    ring.descriptor(head) = header(static_cast<uint16_t>(head + 1));
    ring.descriptor(static_cast<uint16_t>(head + 1)) = {uint64_t{1} << 50, 512,
                                                        frontend::kDescriptorWrite, 0};
    CHECK(sendHead(*driver, head) == 0);
  }
  SUBCASE("data nobody mapped, or that wraps, but a good status byte") {
    for (const uint64_t guestAddr : {uint64_t{1} << 50, UINT64_MAX - 100}) {
      CAPTURE(guestAddr);
      ring.descriptor(head) = header(static_cast<uint16_t>(head + 1));
      ring.descriptor(static_cast<uint16_t>(head + 1)) = {
          guestAddr, 512, frontend::kDescriptorWrite | frontend::kDescriptorNext,
          static_cast<uint16_t>(head + 2)};
      ring.descriptor(static_cast<uint16_t>(head + 2)) = {request->status.guestAddr, 1,
                                                          frontend::kDescriptorWrite, 0};
      *driver->memory().hostAddr(request->status.guestAddr) = std::byte{BlkDriver::kNoStatus};
      CHECK(sendHead(*driver, head) == 1);
      CHECK(driver->statusOf(*request) == VIRTIO_BLK_S_IOERR);
    }
  }
  SUBCASE("an address that wraps") {
    ring.descriptor(head) = header(static_cast<uint16_t>(head + 1));
    ring.descriptor(static_cast<uint16_t>(head + 1)) = {UINT64_MAX - 100, 512,
                                                        frontend::kDescriptorWrite, 0};
    CHECK(sendHead(*driver, head) == 0);
  }
  SUBCASE("a buffer that runs out of its region") {
    const auto& region = driver->memory().regions()[0].description;
    ring.descriptor(head) = header(static_cast<uint16_t>(head + 1));
    ring.descriptor(static_cast<uint16_t>(head + 1)) = {region.guestAddr + region.size - 256, 512,
                                                        frontend::kDescriptorWrite, 0};
    sendHead(*driver, head);
  }
  SUBCASE("readable after writable") {
    ring.descriptor(head) = {request->status.guestAddr, 1,
                             frontend::kDescriptorWrite | frontend::kDescriptorNext,
                             static_cast<uint16_t>(head + 1)};
    ring.descriptor(static_cast<uint16_t>(head + 1)) = {request->header.guestAddr, 16, 0, 0};
    CHECK(sendHead(*driver, head) == 1);
    CHECK(driver->statusOf(*request) == VIRTIO_BLK_S_IOERR);
  }
  SUBCASE("zero-length descriptors only") {
    ring.descriptor(head) = {request->header.guestAddr, 0, 0, 0};
    CHECK(sendHead(*driver, head) == 0);
  }
  SUBCASE("indirect: length 0, not a multiple of 16, nested, with NEXT, huge, unmapped, looping") {
    const auto table = driver->memory().allocate(64, 16);
    REQUIRE(table.ok());
    auto* entries = reinterpret_cast<Descriptor*>(driver->memory().hostAddr(*table, 64));
    entries[0] = {request->header.guestAddr, 16, frontend::kDescriptorNext, 0};  // loops
    entries[1] = {*table, 32, frontend::kDescriptorIndirect, 0};
    const uint16_t indirect = frontend::kDescriptorIndirect;
    for (const Descriptor& flawed :
         {Descriptor{*table, 0, indirect, 0}, Descriptor{*table, 24, indirect, 0},
          Descriptor{*table, 16, indirect, 0}, Descriptor{*table + 16, 16, indirect, 0},
          Descriptor{*table, 32, static_cast<uint16_t>(indirect | frontend::kDescriptorNext), 1},
          Descriptor{*table, 0xfffffff0, indirect, 0},
          Descriptor{uint64_t{1} << 50, 32, indirect, 0},
          Descriptor{UINT64_MAX - 15, 32, indirect, 0}}) {
      ring.descriptor(head) = flawed;
      CHECK(sendHead(*driver, head) == 0);
    }
  }
  checkServes(*driver);
  CHECK(fixture.total(&virtio::QueueCounters::failed) > 0);
}

TEST_CASE("ring: more segments than seg_max gets an I/O error, not memory beyond the array") {
  BlkFixture fixture;
  auto driver = fixture.driver({.queueSize = 1024});
  auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
  REQUIRE(request.ok());
  std::vector<Buffer> chain{request->header};
  for (int i = 0; i < 512; ++i) chain.push_back({request->data.guestAddr + i, 1, true});
  chain.push_back(request->status);
  REQUIRE(driver->submitAndWait(chain).ok());
  CHECK(driver->statusOf(*request) == VIRTIO_BLK_S_IOERR);
  checkServes(*driver);
}

TEST_CASE("ring: indirect tables are followed, also unnegotiated, also across memory regions") {
  BlkFixture fixture;
  auto driver = frontend::BlkDriver::open(
      fixture.socketPath(), {.features = ~(1ULL << frontend::kFeatureIndirect), .memorySize = 0});
  REQUIRE(driver.ok());
  BlkDriver& blk = **driver;
  REQUIRE(blk.memory().addRegion(0, 1 << 20).ok());
  REQUIRE(blk.memory().addRegion(1 << 20, 1 << 20).ok());  // adjacent for the guest only
  REQUIRE(blk.start().ok());
  auto request = blk.makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
  REQUIRE(request.ok());
  const uint64_t table = (1 << 20) - 24;  // an entry and a half before the boundary
  const Descriptor entries[] = {
      {request->header.guestAddr, 16, frontend::kDescriptorNext, 1},
      {request->data.guestAddr, 512, frontend::kDescriptorNext | frontend::kDescriptorWrite, 2},
      {request->status.guestAddr, 1, frontend::kDescriptorWrite, 0}};
  const auto* bytes = reinterpret_cast<const std::byte*>(entries);
  for (size_t i = 0; i < sizeof entries; ++i) *blk.memory().hostAddr(table + i) = bytes[i];
  frontend::SplitRing& ring = blk.queue(0).split();
  const uint16_t head = static_cast<uint16_t>(ring.size() - 1);
  ring.descriptor(head) = {table, sizeof entries, frontend::kDescriptorIndirect, 0};
  CHECK(sendHead(blk, head) == 513);
  CHECK(blk.statusOf(*request) == kOk);

  // A data buffer that crosses the same boundary.
  auto crossing = blk.makeRequest(VIRTIO_BLK_T_IN, 0, 0, true);
  REQUIRE(blk.submitAndWait(std::vector<Buffer>{
                                crossing->header, {(1 << 20) - 512, 1024, true}, crossing->status})
              .ok());
  CHECK(blk.statusOf(*crossing) == kOk);
}

TEST_CASE("ring: an available index that jumps, or a head beyond the table, ends this ring only") {
  BlkFixture fixture;
  auto driver = fixture.driver({.numQueues = 2});
  frontend::SplitRing& ring = driver->queue(0).split();
  SUBCASE("index jumps by more than the ring") {
    ring.availableIndex() = static_cast<uint16_t>(ring.nextAvailable() + ring.size() + 1);
    driver->queue(0).kick();
  }
  SUBCASE("index moves backwards") {
    ring.availableIndex() = static_cast<uint16_t>(ring.nextAvailable() - 1);
    driver->queue(0).kick();
  }
  SUBCASE("head beyond the table") {
    ring.addHead(ring.size());
    driver->queue(0).publish();
  }
  CHECK(ringBreaks(*driver));
  checkServes(*driver, 1);
  CHECK(driver->queue(0).stop(driver->connection()).ok());
}

TEST_CASE("ring: the used index belongs to the device, whatever the guest writes there") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  frontend::SplitRing& ring = driver->queue(0).split();
  const uint16_t before = ring.loadUsedIndex();
  ring.usedIndex() = static_cast<uint16_t>(before + 77);
  ring.usedIndex() = before;
  checkServes(*driver);
  checkServes(*driver);
}

TEST_CASE("ring: the same head again while it is in flight comes back twice") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
  frontend::SplitRing& ring = driver->queue(0).split();
  const auto head = ring.add(std::vector<Buffer>{request->header, request->data, request->status});
  REQUIRE(head);
  ring.addHead(*head);
  driver->queue(0).publish();
  for (int i = 0; i < 2; ++i) {
    const auto used = driver->queue(0).popWait();
    REQUIRE(used.ok());
    CHECK(used->head == *head);
  }
  checkServes(*driver);
}

TEST_CASE("ring: a full ring of requests completes, each exactly once") {
  for (const auto& [packed, eventIndex] : test::kRingKinds) {
    CAPTURE(packed);
    CAPTURE(eventIndex);
    BlkFixture fixture;
    frontend::BlkDriverOptions options{.queueSize = 1024, .packed = packed};
    if (!eventIndex) options.features = ~(1ULL << frontend::kFeatureEventIndex);
    auto driver = fixture.driver(options);
    auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
    for (int round = 0; round < 3; ++round) {
      frontend::Ring& ring = driver->queue(0).ring();
      unsigned sent = 0;
      while (ring.add(std::vector<Buffer>{request->header, request->data, request->status})) ++sent;
      CHECK(sent == 341);
      driver->queue(0).publish();
      for (unsigned i = 0; i < sent; ++i) {
        const auto used = driver->queue(0).popWait();
        REQUIRE(used.ok());
        CHECK(used->ours);
      }
      CHECK_FALSE(ring.hasUsed());
    }
  }
}

TEST_CASE("ring: stop drains, and a restart goes on where it stopped") {
  BlkFixture fixture;
  bool packed = false;
  SUBCASE("split") {}
  SUBCASE("packed") {
    packed = true;
  }
  auto driver = fixture.driver({.packed = packed});
  frontend::Virtqueue& queue = driver->queue(0);
  auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 4096, true);
  for (int round = 0; round < 50; ++round) {
    unsigned sent = 0;
    for (; sent < 32; ++sent)
      REQUIRE(
          queue.ring().add(std::vector<Buffer>{request->header, request->data, request->status}));
    queue.publish();
    const auto base = queue.stop(driver->connection());
    REQUIRE(base.ok());
    const uint16_t served = static_cast<uint16_t>(*base);
    if (packed)
      CHECK(served == *base >> 16);  // nothing between what is available and what is used
    else
      CHECK(queue.split().loadUsedIndex() == served);
    CHECK(fixture.attachment().inFlight() == 0);
    REQUIRE(queue.start(driver->connection()).ok());
    for (unsigned i = 0; i < sent; ++i) REQUIRE(queue.popWait().ok());
  }
}

TEST_CASE("ring: a call fd that is exchanged while the ring runs is signalled at once") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  checkServes(*driver);
  const EventFd call;
  REQUIRE(driver->connection().setVringCall(0, call.get()).ok());
  pollfd signalled{call.get(), POLLIN, 0};
  CHECK(::poll(&signalled, 1, 10'000) == 1);
}

TEST_CASE("ring: a disconnect with requests in flight drains, the next front end is served") {
  BlkFixture fixture;
  for (int round = 0; round < 20; ++round) {
    auto driver = fixture.driver({.numQueues = 2, .packed = round % 2 == 1});
    for (uint16_t q = 0; q < 2; ++q) {
      auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 4096, true);
      for (int i = 0; i < 32; ++i)
        REQUIRE(driver->queue(q).ring().add(
            std::vector<Buffer>{request->header, request->data, request->status}));
      driver->queue(q).publish();
    }
    driver.reset();
    CHECK(fixture.waitFor(AttachmentEvent::Kind::kDisconnected) == "");
    CHECK(fixture.attachment().inFlight() == 0);
  }
  auto driver = fixture.driver();
  checkServes(*driver);
}

TEST_CASE("ring: memory that is added and removed while requests run") {
  BlkFixture fixture;
  auto driver = fixture.driver();
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
    REQUIRE(driver->submitAndWait(chain).ok());  // the region is gone: an error, not a crash
    CHECK(driver->statusOf(*request) == VIRTIO_BLK_S_IOERR);
    REQUIRE(driver->memory().removeRegion(uint64_t{1} << 40).ok());
  }
}

TEST_CASE("ring: memory that a ring lies in can't be taken away, and the ring goes on") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  frontend::Connection& connection = driver->connection();
  connection.setAskForReplies(true);
  CHECK_FALSE(connection.remMemReg(driver->memory().regions()[0].description).ok());
  CHECK_FALSE(connection.setMemTable({}, {}).ok());
  checkServes(*driver);
}

TEST_CASE("ring: polling and sleeping workers serve alike") {
  for (const int64_t poll : {int64_t{0}, int64_t{50'000}}) {
    for (const auto& [packed, eventIndex] : test::kRingKinds) {
      BlkFixture fixture({.pollNanoseconds = poll});
      frontend::BlkDriverOptions options{.packed = packed};
      if (!eventIndex) options.features = ~(1ULL << frontend::kFeatureEventIndex);
      auto driver = fixture.driver(options);
      for (int i = 0; i < 1000; ++i) checkServes(*driver);
    }
  }
}

TEST_CASE(
    "resize: the config change reaches the front end once the ring runs, and the new size counts") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  REQUIRE(driver->config().ok());
  std::vector<std::byte> data(512);
  CHECK(*driver->read(4096, data) == VIRTIO_BLK_S_IOERR);
  REQUIRE(::truncate(fixture.image().path().c_str(), 4 << 20) == 0);
  REQUIRE(fixture.disk().refreshSize().ok());
  const auto message = driver->backendChannel().receive();
  REQUIRE_MESSAGE(message.ok(), (message.ok() ? "" : message.error().message));
  CHECK(message->request == static_cast<uint32_t>(frontend::BackendRequest::kConfigChangeMsg));
  CHECK(uint64_t{driver->config()->capacity} == (4 << 20) / 512);
  CHECK(*driver->read(4096, data) == kOk);
}

TEST_CASE("resize: one that happened while disconnected is told after the first ring start") {
  BlkFixture fixture;
  {
    auto driver = fixture.driver();
  }
  REQUIRE(::truncate(fixture.image().path().c_str(), 2 << 20) == 0);
  auto driver = fixture.driver();  // reads no config before it starts: it knows the old size
  CHECK(driver->backendChannel().receive().ok());
  CHECK(uint64_t{driver->config()->capacity} == (2 << 20) / 512);
}
