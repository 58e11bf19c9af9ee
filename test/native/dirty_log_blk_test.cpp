#include <doctest/doctest.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "support/blk_fixture.h"
#include "support/control_plane.h"
#include "support/migrating_memory.h"

using namespace holdfast;
using frontend::BlkDriver;
using frontend::Buffer;
using test::BlkFixture;
using test::contains;
using test::ControlPlane;
using test::MigratingMemory;
using test::quietDriver;
using test::serveUntilInterrupted;

namespace {

constexpr uint64_t kPage = MigratingMemory::kPage;

/// Makes the disk `size` bytes long, full of what no fresh memory holds.
void fill(BlkFixture& fixture, uint64_t size = BlkFixture::kSize) {
  const std::vector<std::byte> data(size, std::byte{0xd1});
  const UniqueFd image = fixture.image().open(O_WRONLY);
  REQUIRE(::pwrite(image.get(), data.data(), size, 0) == static_cast<ssize_t>(size));
  REQUIRE(fixture.disk().refreshSize().ok());
}

/// A driver that migrates, and whose ring is not served before it says so.
struct Migration {
  explicit Migration(BlkFixture& fixture, frontend::DriverOptions options = quietDriver(1))
      : driver(fixture.driver(options)), memory(*driver) {
    REQUIRE(driver->connection().setVringEnable(0, false).ok());
  }

  /// Room that begins `offset` bytes into a page of its own.
  Buffer buffer(uint32_t size, uint64_t offset, bool writable) {
    const auto address = driver->memory().allocate(offset + size, kPage);
    REQUIRE(address.ok());
    return {*address + offset, size, writable};
  }
  Buffer header(uint32_t type, uint64_t sector = 0) {
    const Buffer header = buffer(16, 0, false);
    const uint64_t fields[] = {type, sector};
    std::memcpy(at(header), fields, sizeof fields);
    return header;
  }
  Buffer status() {
    const Buffer status = buffer(1, 0, true);
    *at(status) = std::byte{BlkDriver::kNoStatus};
    return status;
  }
  std::byte* at(const Buffer& buffer) { return driver->memory().hostAddr(buffer.guestAddr); }
  void submit(std::span<const Buffer> chain) {
    REQUIRE(driver->queue(0).ring().add(chain).has_value());
    driver->queue(0).publish();
  }
  /// The device serves what was submitted; checks the log against what it wrote.
  MigratingMemory::Pages serveAndCheck() {
    memory.takeLogged();
    memory.remember();
    serveUntilInterrupted(*driver);
    const auto changed = memory.changed();
    const auto logged = memory.takeLogged();
    CHECK_FALSE(changed.empty());
    CHECK(contains(logged, changed));
    return logged;
  }
  MigratingMemory::Pages pagesOf(const Buffer& buffer) const {
    MigratingMemory::Pages pages;
    for (uint64_t page = buffer.guestAddr / kPage;
         page <= (buffer.guestAddr + buffer.size - 1) / kPage; ++page)
      pages.insert(page);
    return pages;
  }

  std::unique_ptr<BlkDriver> driver;
  MigratingMemory memory;
};

}  // namespace

TEST_CASE("dirty log, blk: every page that a request writes to is marked") {
  ControlPlane plane;
  BlkFixture fixture({.mailbox = &plane.mailbox()});
  fill(fixture);
  bool packed = false;
  SUBCASE("split ring") {}
  SUBCASE("packed ring") {
    packed = true;
  }
  Migration guest(fixture, quietDriver(1, packed));
  guest.memory.begin();
  const Buffer status = guest.status();
  SUBCASE("a read of whole pages") {
    const Buffer data = guest.buffer(8 * kPage, 0, true);
    guest.submit(std::vector{guest.header(VIRTIO_BLK_T_IN), data, status});
    CHECK(contains(guest.serveAndCheck(), guest.pagesOf(data)));
  }
  SUBCASE("a read into several buffers, which begin and end within pages") {
    std::vector<Buffer> chain{guest.header(VIRTIO_BLK_T_IN)};
    for (const uint64_t offset : {512, 1024, 3584})
      chain.push_back(guest.buffer(5120, offset, true));
    chain.push_back(status);
    guest.submit(chain);
    guest.serveAndCheck();
  }
  SUBCASE("a read that is copied through the bounce buffer") {
    const Buffer data = guest.buffer(3 * kPage, 1, true);
    guest.submit(std::vector{guest.header(VIRTIO_BLK_T_IN), data, status});
    CHECK(contains(guest.serveAndCheck(), guest.pagesOf(data)));
    CHECK(fixture.total(&virtio::QueueCounters::bounced) == 1);
  }
  SUBCASE("a read whose last buffer ends with the status byte") {
    guest.submit(std::vector{guest.header(VIRTIO_BLK_T_IN), guest.buffer(kPage + 1, 0, true)});
    guest.serveAndCheck();
  }
  SUBCASE("the status of a write") {
    guest.submit(
        std::vector{guest.header(VIRTIO_BLK_T_OUT), guest.buffer(kPage, 0, false), status});
    CHECK(guest.serveAndCheck().contains(status.guestAddr / kPage));
  }
  SUBCASE("the status of a flush") {
    guest.submit(std::vector{guest.header(VIRTIO_BLK_T_FLUSH), status});
    CHECK(guest.serveAndCheck().contains(status.guestAddr / kPage));
  }
  SUBCASE("the status of what is refused") {
    guest.submit(std::vector{guest.header(99), status});
    CHECK(guest.serveAndCheck().contains(status.guestAddr / kPage));
  }
  SUBCASE("the status of a chain that can't be served") {
    guest.submit(std::vector{guest.header(VIRTIO_BLK_T_IN), Buffer{1ULL << 50, 512, true}, status});
    CHECK(guest.serveAndCheck().contains(status.guestAddr / kPage));
  }
  SUBCASE("GET_ID") {
    guest.submit(
        std::vector{guest.header(VIRTIO_BLK_T_GET_ID), guest.buffer(20, kPage - 10, true), status});
    guest.serveAndCheck();
  }
  SUBCASE("data, sense and trailer of a SCSI command") {
    const std::vector<Buffer> answer{guest.buffer(5000, 100, true),
                                     guest.buffer(96, kPage - 40, true),
                                     guest.buffer(16, kPage - 8, true)};
    const Buffer cdb = guest.buffer(6, 0, false);
    guest.submit(std::vector{guest.header(VIRTIO_BLK_T_SCSI_CMD), cdb, answer[0], answer[1],
                             answer[2], status});
    std::thread answering([&plane] {
      const MailboxMessage message = plane.next();
      plane.mailbox().complete(message.token,
                               {.status = 2,
                                .sense = std::vector<std::byte>(96, std::byte{0x70}),
                                .dataIn = std::vector<std::byte>(5000, std::byte{0x11})});
    });
    const auto logged = guest.serveAndCheck();
    answering.join();
    for (const Buffer& buffer : answer) CHECK(contains(logged, guest.pagesOf(buffer)));
  }
}

TEST_CASE(
    "dirty log, blk: a request that moves in pieces, or only in part, is marked from its start") {
  BlkFixture fixture;
  Migration guest(fixture);
  guest.memory.begin();
  Buffer data;
  uint8_t expected = VIRTIO_BLK_S_OK;
  SUBCASE("twice through the bounce buffer") {
    fill(fixture, 2 << 20);
    data = guest.buffer(1536 << 10, 1, true);
  }
  SUBCASE("the image is shorter than it was") {
    fill(fixture);
    REQUIRE(::truncate(fixture.image().path().c_str(), 4 * kPage) == 0);
    data = guest.buffer(8 * kPage, 0, true);
    expected = VIRTIO_BLK_S_IOERR;
  }
  const Buffer status = guest.status();
  guest.submit(std::vector{guest.header(VIRTIO_BLK_T_IN), data, status});
  const auto logged = guest.serveAndCheck();
  CHECK(contains(logged, guest.pagesOf(data)));
  CHECK(std::to_integer<uint8_t>(*guest.at(status)) == expected);
  CHECK(*guest.at(data) == std::byte{0xd1});
}

TEST_CASE("dirty log, blk: a request that began before LOG_ALL is marked if it ends after it") {
  const auto fence = std::make_shared<AccessFence>();
  fence->set({.reads = true, .writes = true, .held = true});
  BlkFixture fixture({.fence = fence});
  fill(fixture);
  Migration guest(fixture);
  const Buffer data = guest.buffer(2 * kPage, 0, true);
  guest.submit(std::vector{guest.header(VIRTIO_BLK_T_IN), data, guest.status()});
  REQUIRE(guest.driver->connection().setVringEnable(0, true).ok());
  while (fixture.attachment().inFlight() == 0) std::this_thread::yield();
  guest.memory.begin();
  guest.memory.remember();
  guest.memory.takeLogged();

  serveUntilInterrupted(*guest.driver, 0, [&] { fence->set({.reads = true, .writes = true}); });
  const auto logged = guest.memory.takeLogged();
  CHECK(contains(logged, guest.pagesOf(data)));
  CHECK(contains(logged, guest.memory.changed()));
}

TEST_CASE("dirty log, blk: it can be turned off and on again, and be another one") {
  BlkFixture fixture;
  fill(fixture);
  Migration guest(fixture);
  const Buffer data = guest.buffer(kPage, 0, true);
  const std::vector<Buffer> chain{guest.header(VIRTIO_BLK_T_IN), data, guest.status()};
  const auto serve = [&](MigratingMemory& memory) {
    guest.submit(chain);
    memory.takeLogged();
    serveUntilInterrupted(*guest.driver);
    auto logged = memory.takeLogged();
    REQUIRE(guest.driver->queue(0).ring().pop().has_value());
    return logged;
  };
  CHECK(serve(guest.memory).empty());
  guest.memory.begin();
  CHECK(serve(guest.memory).contains(data.guestAddr / kPage));
  guest.memory.end();
  CHECK(serve(guest.memory).empty());

  MigratingMemory again(*guest.driver);
  again.begin();
  CHECK(serve(again).contains(data.guestAddr / kPage));
  CHECK(guest.memory.takeLogged().empty());
}

TEST_CASE("dirty log, blk: LOG_ALL without a log marks nothing and breaks nothing") {
  BlkFixture fixture;
  fill(fixture);
  auto driver = fixture.driver();
  REQUIRE(driver->connection().setFeatures(driver->features() | frontend::kLogAllBit).ok());
  REQUIRE(driver->queue(0).setLogged(driver->connection(), true).ok());
  std::vector<std::byte> data(kPage);
  CHECK(*driver->read(0, data) == VIRTIO_BLK_S_OK);
  CHECK(data[0] == std::byte{0xd1});
}

TEST_CASE("dirty log, blk: the ring is marked where its log address says, whatever that is") {
  BlkFixture fixture;
  fill(fixture);
  Migration guest(fixture);
  guest.memory.begin();
  const auto& layout = guest.driver->queue(0).ring().layout();
  const auto host = [&](uint64_t guestAddr) {
    return reinterpret_cast<uintptr_t>(guest.driver->memory().hostAddr(guestAddr));
  };
  frontend::VringAddresses addresses{.flags = frontend::kVringLogFlag,
                                     .descriptorAddr = host(layout.descriptors),
                                     .usedAddr = host(layout.used),
                                     .availableAddr = host(layout.available)};
  const auto logged = [&](uint64_t logAddr) {
    addresses.logAddr = logAddr;
    REQUIRE(guest.driver->connection().setVringAddr(addresses).ok());
    guest.submit(std::vector{guest.header(VIRTIO_BLK_T_FLUSH), guest.status()});
    guest.memory.takeLogged();
    serveUntilInterrupted(*guest.driver);
    REQUIRE(guest.driver->queue(0).ring().pop().has_value());
    return guest.memory.takeLogged();
  };
  CHECK(logged(layout.used).contains(layout.used / kPage));
  CHECK(logged(100 * kPage).contains(100));
  CHECK_FALSE(logged(100 * kPage).contains(layout.used / kPage));
  // Beyond the log.
  CHECK_FALSE(logged(UINT64_MAX - 10).contains(layout.used / kPage));
}

TEST_CASE("dirty log, blk: requests go on while it comes and goes") {
  BlkFixture fixture;
  fill(fixture);
  auto driver = fixture.driver();
  MigratingMemory memory(*driver);
  std::vector<std::byte> data(kPage);
  for (int round = 0; round < 200; ++round) {
    memory.begin();
    for (int i = 0; i < 10; ++i) REQUIRE(*driver->read(0, data) == VIRTIO_BLK_S_OK);
    memory.end();
    for (int i = 0; i < 10; ++i) REQUIRE(*driver->read(0, data) == VIRTIO_BLK_S_OK);
  }
}

TEST_CASE("dirty log, blk: nothing is marked that nobody wrote to") {
  BlkFixture fixture;
  fill(fixture);
  Migration guest(fixture);
  guest.memory.begin();
  const Buffer data = guest.buffer(4 * kPage, 0, true), untouched = guest.buffer(kPage, 0, true);
  guest.submit(std::vector{guest.header(VIRTIO_BLK_T_IN), data, guest.status()});
  const auto logged = guest.serveAndCheck();
  CHECK_FALSE(logged.contains(untouched.guestAddr / kPage));
  // Data, status, and the ring of 128 entries.
  CHECK(logged.size() <= 4 + 1 + 2);
}
