#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "support/blk_fixture.h"

using namespace holdfast;
using frontend::BlkDriver;
using frontend::Buffer;
using test::BlkFixture;

namespace {

constexpr uint8_t kOk = VIRTIO_BLK_S_OK;
constexpr uint8_t kIoError = VIRTIO_BLK_S_IOERR;
constexpr uint8_t kUnsupported = VIRTIO_BLK_S_UNSUPP;
constexpr uint64_t kSectors = BlkFixture::kSize / 512;

std::vector<std::byte> pattern(size_t size, unsigned seed) {
  std::vector<std::byte> data(size);
  for (size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>((i * 7 + seed) & 255);
  return data;
}

/// The ring still serves: what every refused request must leave behind.
void checkServes(BlkDriver& driver, uint16_t queue = 0) {
  std::vector<std::byte> data(512);
  const auto status = driver.read(0, data, queue);
  REQUIRE_MESSAGE(status.ok(), (status.ok() ? "" : status.error().message));
  CHECK(*status == kOk);
}

struct Answer {
  uint8_t status;
  uint32_t writtenBytes;
};

/// Sends a request with one data buffer of `size` bytes and returns what came of it.
Answer send(BlkDriver& driver, uint32_t type, uint64_t sector, uint32_t size, bool writable) {
  auto request = driver.makeRequest(type, sector, size, writable);
  REQUIRE(request.ok());
  std::vector<Buffer> chain{request->header};
  if (size > 0) chain.push_back(request->data);
  chain.push_back(request->status);
  const auto used = driver.submitAndWait(chain);
  REQUIRE_MESSAGE(used.ok(), (used.ok() ? "" : used.error().message));
  return {driver.statusOf(*request), used->writtenBytes};
}

}  // namespace

TEST_CASE("blk: what is written is read back on every queue, with every engine") {
  for (const EngineKind engine : {EngineKind::kIoUring, EngineKind::kLibaio, EngineKind::kSync}) {
    BlkFixture fixture({.engine = engine, .anyEngine = false});
    auto driver = fixture.driver({.numQueues = 4});
    for (uint16_t queue = 0; queue < 4; ++queue) {
      const auto data = pattern(65536, queue);
      CHECK(*driver->write(queue * 256u, data, queue) == kOk);
      CHECK(*driver->flush(queue) == kOk);
      std::vector<std::byte> back(data.size());
      CHECK(*driver->read(queue * 256u, back, queue) == kOk);
      CHECK(back == data);
    }
    CHECK(fixture.total(&virtio::QueueCounters::writtenBytes) == 4 * 65536);
    CHECK(fixture.total(&virtio::QueueCounters::flushes) == 4);
    CHECK(fixture.attachment().inFlight() == 0);
  }
}

TEST_CASE("blk: config space tells capacity, block size, limits") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  const auto config = driver->config();
  REQUIRE(config.ok());
  CHECK(uint64_t{config->capacity} == kSectors);
  CHECK(uint64_t{config->seg_max} == 126);
  CHECK(uint64_t{config->blk_size} == 512);
  CHECK(uint64_t{config->num_queues} == 4);
  CHECK(uint64_t{config->write_zeroes_may_unmap} == 1);
  CHECK_FALSE(driver->hasFeature(VIRTIO_BLK_F_CONFIG_WCE));
  CHECK_FALSE(driver->hasFeature(VIRTIO_BLK_F_RO));
}

TEST_CASE("blk: GET_ID with 0, 1, 19, 20 and 21 bytes of room writes what fits, never more") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  const std::string serial = "0123456789abcdefghij";
  for (const uint32_t room : {0, 1, 19, 20, 21}) {
    CAPTURE(room);
    auto request = driver->makeRequest(VIRTIO_BLK_T_GET_ID, 0, 32, true);
    REQUIRE(request.ok());
    std::span<std::byte> id = driver->dataOf(*request);
    std::fill(id.begin(), id.end(), std::byte{0xaa});
    std::vector<Buffer> chain{request->header, request->data, request->status};
    chain[1].size = room;
    REQUIRE(driver->submitAndWait(chain).ok());
    CHECK(driver->statusOf(*request) == kOk);
    for (size_t i = 0; i < id.size(); ++i)
      CHECK(id[i] == (i < 20 && i < room ? static_cast<std::byte>(serial[i]) : std::byte{0xaa}));
  }
  checkServes(*driver);
}

TEST_CASE("blk: sectors beyond the end or overflowing 64 bits are I/O errors") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  for (const uint64_t sector : {kSectors, kSectors - 1, kSectors + 1, UINT64_MAX, UINT64_MAX / 512,
                                UINT64_MAX / 512 + 1, uint64_t{1} << 63}) {
    CAPTURE(sector);
    CHECK(send(*driver, VIRTIO_BLK_T_IN, sector, 1024, true).status == kIoError);
    CHECK(send(*driver, VIRTIO_BLK_T_OUT, sector, 1024, false).status == kIoError);
  }
  CHECK(send(*driver, VIRTIO_BLK_T_IN, kSectors - 1, 512, true).status == kOk);
  checkServes(*driver);
}

TEST_CASE("blk: lengths that are no multiple of a sector are I/O errors") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  for (const uint32_t size : {1u, 511u, 513u, 4095u}) {
    CHECK(send(*driver, VIRTIO_BLK_T_IN, 0, size, true).status == kIoError);
    CHECK(send(*driver, VIRTIO_BLK_T_OUT, 0, size, false).status == kIoError);
  }
  checkServes(*driver);
}

TEST_CASE("blk: unknown types, SCSI commands and data the wrong way round") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  for (const uint32_t type :
       {2u, 3u, 5u, 7u, 9u, 10u, 12u, 14u, 15u, 99u, 0x80000000u, 0xffffffffu})
    CHECK(send(*driver, type, 0, 512, true).status == kUnsupported);
  // A write whose data is device-writable has no data; a read into a device-readable buffer too.
  CHECK(send(*driver, VIRTIO_BLK_T_OUT, 0, 512, true).status == kOk);
  CHECK(send(*driver, VIRTIO_BLK_T_IN, 0, 512, false).status == kOk);
  CHECK(fixture.total(&virtio::QueueCounters::writtenBytes) == 0);
  checkServes(*driver);
}

TEST_CASE("blk: a used element carries the bytes written to guest memory") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  CHECK(send(*driver, VIRTIO_BLK_T_IN, 0, 4096, true).writtenBytes == 4097);
  CHECK(send(*driver, VIRTIO_BLK_T_OUT, 0, 4096, false).writtenBytes == 1);
  CHECK(send(*driver, VIRTIO_BLK_T_IN, kSectors, 512, true).writtenBytes == 513);
}

TEST_CASE("blk: a read-only disk refuses writes, discards and write zeroes, and stays as it is") {
  BlkFixture fixture({.readOnly = true});
  auto driver = fixture.driver();
  CHECK(driver->hasFeature(VIRTIO_BLK_F_RO));
  CHECK(*driver->write(0, pattern(4096, 1)) == kIoError);
  CHECK(*driver->flush() == kOk);
  const virtio_blk_discard_write_zeroes range{.sector = 0, .num_sectors = 8, .flags = 0};
  CHECK(*driver->discard({&range, 1}) == kUnsupported);
  CHECK(*driver->writeZeroes({&range, 1}) == kUnsupported);
  checkServes(*driver);
}

TEST_CASE("blk: discard and write zeroes check flags, ranges and sizes") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  using Range = virtio_blk_discard_write_zeroes;
  const auto discard = [&](Range range) { return *driver->discard({&range, 1}); };
  const auto zero = [&](Range range) { return *driver->writeZeroes({&range, 1}); };
  const auto data = pattern(8192, 5);
  REQUIRE(*driver->write(0, data) == kOk);

  CHECK(discard({.sector = 0, .num_sectors = 8, .flags = 1}) == kUnsupported);
  CHECK(zero({.sector = 0, .num_sectors = 8, .flags = 2}) == kUnsupported);
  CHECK(zero({.sector = 0, .num_sectors = 8, .flags = 0xffffffff}) == kUnsupported);
  CHECK(discard({.sector = kSectors, .num_sectors = 1, .flags = 0}) == kIoError);
  CHECK(zero({.sector = UINT64_MAX, .num_sectors = 8, .flags = 0}) == kIoError);
  CHECK(zero({.sector = 0, .num_sectors = 0xffffffff, .flags = 0}) == kIoError);
  CHECK(discard({.sector = 0, .num_sectors = 0, .flags = 0}) == kOk);
  CHECK(send(*driver, VIRTIO_BLK_T_DISCARD, 0, 15, false).status == kIoError);
  CHECK(send(*driver, VIRTIO_BLK_T_DISCARD, 0, 0, false).status == kIoError);
  CHECK(send(*driver, VIRTIO_BLK_T_DISCARD, 0, 17 * 16, false).status == kIoError);
  std::vector<std::byte> back(8192);
  REQUIRE(*driver->read(0, back) == kOk);
  CHECK(back == data);

  CHECK(zero({.sector = 2, .num_sectors = 4, .flags = 1}) == kOk);
  CHECK(discard({.sector = 0, .num_sectors = 8, .flags = 0}) == kOk);
  REQUIRE(*driver->read(0, back) == kOk);
  CHECK(std::memcmp(back.data() + 4096, data.data() + 4096, 4096) == 0);
  checkServes(*driver);
}

TEST_CASE("blk: header and status split over many descriptors, data without a boundary to them") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  const auto data = pattern(512, 9);
  REQUIRE(*driver->write(4, data) == kOk);
  auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 4, 512, true);
  REQUIRE(request.ok());
  // Header in 16 descriptors; data and status in one buffer of 513 bytes and one of 0.
  std::vector<Buffer> chain;
  for (uint32_t i = 0; i < 16; ++i) chain.push_back({request->header.guestAddr + i, 1, false});
  const auto joined = driver->memory().allocate(513, 4096);
  REQUIRE(joined.ok());
  chain.push_back({*joined, 0, true});
  chain.push_back({*joined, 513, true});
  REQUIRE(driver->submitAndWait(chain).ok());
  const std::byte* host = driver->memory().hostAddr(*joined, 513);
  CHECK(std::memcmp(host, data.data(), 512) == 0);
  CHECK(host[512] == std::byte{kOk});
  CHECK(fixture.total(&virtio::QueueCounters::bounced) == 0);
}

TEST_CASE("blk: buffers at odd addresses go through the bounce buffer and are counted") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  const auto base = driver->memory().allocate(16384, 4096);
  REQUIRE(base.ok());
  const auto data = pattern(4096, 13);
  std::memcpy(driver->memory().hostAddr(*base + 5, 4096), data.data(), 4096);
  auto write = driver->makeRequest(VIRTIO_BLK_T_OUT, 8, 0, false);
  REQUIRE(
      driver
          ->submitAndWait(std::vector<Buffer>{
              write->header, {*base + 5, 1000, false}, {*base + 1005, 3096, false}, write->status})
          .ok());
  CHECK(driver->statusOf(*write) == kOk);
  std::vector<std::byte> back(4096);
  CHECK(*driver->read(8, back) == kOk);
  CHECK(back == data);
  CHECK(fixture.total(&virtio::QueueCounters::bounced) == 1);
}

TEST_CASE("blk: without FLUSH the cache is write-through, with CONFIG_WCE the driver chooses") {
  BlkFixture fixture({.configWce = true});
  {
    auto driver = fixture.driver();
    CHECK(driver->hasFeature(VIRTIO_BLK_F_CONFIG_WCE));
    driver->connection().setAskForReplies(true);
    const std::byte off{0};
    CHECK(driver->connection().setConfig(32, {&off, 1}).ok());
    CHECK_FALSE(driver->connection().setConfig(0, {&off, 1}).ok());
    CHECK(driver->config()->wce == 0);
    CHECK(*driver->write(0, pattern(512, 1)) == kOk);
  }
  auto driver = fixture.driver({.features = ~(1ULL << VIRTIO_BLK_F_FLUSH)});
  CHECK_FALSE(driver->hasFeature(VIRTIO_BLK_F_FLUSH));
  CHECK(*driver->write(0, pattern(512, 2)) == kOk);
  checkServes(*driver);
}

TEST_CASE("blk: header, ranges and descriptors are read once, whatever the driver does after") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    const auto fence = std::make_shared<AccessFence>();
    BlkFixture fixture({.fence = fence});
    fence->set({.reads = true, .writes = true});
    auto driver = fixture.driver({.packed = packed});
    REQUIRE(*driver->write(16, std::vector<std::byte>(512, std::byte{9})) == kOk);
    fence->set({.reads = true, .writes = true, .held = true});
    auto write = driver->makeRequest(VIRTIO_BLK_T_OUT, 8, 512, false);
    auto zero = driver->makeRequest(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, false);
    REQUIRE(write.ok());
    REQUIRE(zero.ok());
    std::ranges::fill(driver->dataOf(*write), std::byte{7});
    const virtio_blk_discard_write_zeroes range{.sector = 16, .num_sectors = 8, .flags = 0};
    std::memcpy(driver->dataOf(*zero).data(), &range, sizeof range);
    for (const auto& request : {*write, *zero})
      REQUIRE(driver->queue(0)
                  .ring()
                  .add(std::array{request.header, request.data, request.status})
                  .has_value());
    driver->queue(0).publish();
    std::vector<std::byte> id(20);
    REQUIRE(driver->getId(id).ok());  // so both have begun

    std::memset(driver->memory().hostAddr(write->header.guestAddr), 0xff, write->header.size);
    std::memset(driver->memory().hostAddr(zero->header.guestAddr), 0xff, zero->header.size);
    std::memset(driver->dataOf(*zero).data(), 0xff, sizeof range);
    for (uint16_t i = 0; i < 16; ++i)
      (packed ? driver->queue(0).packed().descriptor(i).guestAddr
              : driver->queue(0).split().descriptor(i).guestAddr) = UINT64_MAX;
    fence->set({.reads = true, .writes = true});
    for (int i = 0; i < 2; ++i) REQUIRE(driver->queue(0).popWait().ok());
    CHECK(driver->statusOf(*write) == kOk);
    CHECK(driver->statusOf(*zero) == kOk);
    std::vector<std::byte> data(512);
    REQUIRE(*driver->read(8, data) == kOk);
    CHECK(data == std::vector<std::byte>(512, std::byte{7}));
    REQUIRE(*driver->read(16, data) == kOk);
    CHECK(data == std::vector<std::byte>(512));
  }
}
