#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"

using namespace holdfast;
using frontend::ScsiDriver;
using frontend::ScsiLun;
using frontend::scsiLun;
using frontend::ScsiResult;
using test::blockCdb;
using test::CdbBytes;
using test::compareAndWriteCdb;
using test::pattern;
using test::ScsiFixture;
using test::shortCdb;
using test::unmapCdb;

namespace {

constexpr uint8_t kGood = 0x00;
constexpr uint8_t kCheckCondition = 0x02;
constexpr uint64_t kBlocks = ScsiFixture::kSize / 512;
const ScsiLun kLun = scsiLun(1, 0);

enum : uint8_t {
  kRead6 = 0x08,
  kWrite6 = 0x0a,
  kRead10 = 0x28,
  kWrite10 = 0x2a,
  kSynchronizeCache10 = 0x35,
  kWriteSame10 = 0x41,
  kRead16 = 0x88,
  kWrite16 = 0x8a,
  kSynchronizeCache16 = 0x91,
  kWriteSame16 = 0x93,
  kRead12 = 0xa8,
  kWrite12 = 0xaa,
};

ScsiResult send(ScsiDriver& driver, const CdbBytes& cdb, std::span<const std::byte> out = {},
                std::span<std::byte> in = {}, uint16_t queue = 2) {
  const auto result = driver.execute(kLun, cdb, out, in, queue);
  REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.error().message));
  return *result;
}

void checkGood(const ScsiResult& result, uint32_t residual = 0) {
  CHECK(result.response == VIRTIO_SCSI_S_OK);
  CHECK(result.status == kGood);
  CHECK(result.senseCode() == 0);
  CHECK(result.residual == residual);
}

void checkSense(const ScsiResult& result, uint32_t code, uint32_t residual) {
  CHECK(result.response == VIRTIO_SCSI_S_OK);
  CHECK(result.status == kCheckCondition);
  CHECK(result.senseCode() == code);
  CHECK(result.residual == residual);
}

std::vector<std::byte> read(ScsiDriver& driver, uint64_t lba, size_t blocks) {
  std::vector<std::byte> data(blocks * 512);
  checkGood(send(driver, blockCdb(kRead16, lba, blocks), {}, data));
  return data;
}

bool isZero(std::span<const std::byte> data) {
  return std::ranges::all_of(data, [](std::byte b) { return b == std::byte{0}; });
}

std::vector<std::byte> unmapList(std::vector<std::pair<uint64_t, uint32_t>> ranges) {
  CdbBytes list;
  test::appendBigEndian(list, 6 + 16 * ranges.size(), 2);
  test::appendBigEndian(list, 16 * ranges.size(), 2);
  test::appendBigEndian(list, 0, 4);
  for (const auto& [lba, blocks] : ranges) {
    test::appendBigEndian(list, lba, 8);
    test::appendBigEndian(list, blocks, 4);
    test::appendBigEndian(list, 0, 4);
  }
  std::vector<std::byte> bytes(list.size());
  std::memcpy(bytes.data(), list.data(), list.size());
  return bytes;
}

}  // namespace

TEST_CASE("scsi: READ and WRITE of 6, 10, 12 and 16 bytes, on every queue, with every engine") {
  for (const EngineKind engine : {EngineKind::kIoUring, EngineKind::kLibaio, EngineKind::kSync}) {
    ScsiFixture fixture({.engine = engine, .anyEngine = false});
    auto driver = fixture.driver();
    for (const uint16_t queue : {2, 3}) {
      const auto data = pattern(8192, queue);
      std::vector<std::byte> back(data.size());
      const auto check = [&](const CdbBytes& write, const CdbBytes& readBack) {
        checkGood(send(*driver, write, data, {}, queue));
        checkGood(send(*driver, readBack, {}, back, queue));
        CHECK(back == data);
      };
      const uint32_t lba = queue * 100u;
      check(shortCdb(kWrite6, lba, 16), blockCdb(kRead10, lba, 16));
      check(blockCdb(kWrite10, lba + 16, 16), blockCdb(kRead12, lba + 16, 16));
      check(blockCdb(kWrite12, lba + 32, 16), blockCdb(kRead16, lba + 32, 16));
      check(blockCdb(kWrite16, lba + 48, 16, 0x08), shortCdb(kRead6, lba + 48, 16));
      check(blockCdb(kWrite10, kBlocks - 16, 16), blockCdb(kRead10, kBlocks - 16, 16, 0x18));
    }
    CHECK(fixture.total(&virtio::QueueCounters::writtenBytes) == 2 * 5 * 8192);
    CHECK(fixture.total(&virtio::QueueCounters::readBytes) == 2 * 5 * 8192);
    CHECK(fixture.attachment().inFlight() == 0);
  }
}

TEST_CASE("scsi: READ(6) of 0 blocks means 256, the others mean none") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  std::vector<std::byte> data(256 * 512);
  checkGood(send(*driver, shortCdb(kRead6, 0, 0), {}, data));
  checkGood(send(*driver, blockCdb(kRead10, 0, 0), {}, data), 256 * 512);
  checkGood(send(*driver, blockCdb(kWrite16, kBlocks, 0)));
  CHECK(fixture.total(&virtio::QueueCounters::readBytes) == 256 * 512);
}

TEST_CASE("scsi: a data buffer larger than the transfer leaves the difference as residual") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto data = pattern(4096, 3);
  checkGood(send(*driver, blockCdb(kWrite10, 8, 2), data), 4096 - 1024);
  std::vector<std::byte> back(4096, std::byte{0xaa});
  const ScsiResult result = send(*driver, blockCdb(kRead10, 8, 2), {}, back);
  checkGood(result, 4096 - 1024);
  CHECK(result.writtenBytes == sizeof(virtio_scsi_cmd_resp) + 1024);
  CHECK(std::memcmp(back.data(), data.data(), 1024) == 0);
  CHECK(isZero(read(*driver, 10, 6)));
}

TEST_CASE("scsi: a data buffer smaller than the transfer, or of the other direction: OVERRUN") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  std::vector<std::byte> data(1023);
  const auto checkOverrun = [&](const ScsiResult& result, uint32_t residual) {
    CHECK(result.response == VIRTIO_SCSI_S_OVERRUN);
    CHECK(result.residual == residual);
  };
  checkOverrun(send(*driver, blockCdb(kRead10, 0, 2), {}, data), 1023);
  checkOverrun(send(*driver, blockCdb(kWrite10, 0, 2), data), 1023);
  checkOverrun(send(*driver, blockCdb(kWrite10, 0, 2), {}, data), 1023);
  checkOverrun(send(*driver, blockCdb(kRead10, 0, 2), data), 1023);
  checkOverrun(send(*driver, blockCdb(kRead16, 0, kBlocks), {}, data), 1023);
  checkOverrun(send(*driver, blockCdb(kWriteSame10, 0, 2), std::span(data).first(511)), 511);
  checkOverrun(send(*driver, unmapCdb(24), std::span(data).first(23)), 23);
  checkOverrun(send(*driver, compareAndWriteCdb(0, 1), data), 1023);
  CHECK(isZero(read(*driver, 0, 8)));
}

TEST_CASE("scsi: blocks beyond the end, and sums that overflow: 5/21/00 and the first of them") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  std::vector<std::byte> data(1024);
  const auto informationOf = [](const ScsiResult& result) {
    REQUIRE(result.sense.size() == 18);
    CHECK((result.sense[0] & 0x80) != 0);
    return uint32_t{result.sense[3]} << 24 | uint32_t{result.sense[4]} << 16 |
           uint32_t{result.sense[5]} << 8 | result.sense[6];
  };
  for (const auto& [lba, blocks] : std::vector<std::pair<uint64_t, uint64_t>>{
           {kBlocks, 1}, {kBlocks - 1, 2}, {0, kBlocks + 1}, {0xffffffff, 1}}) {
    CAPTURE(lba);
    const ScsiResult result = send(*driver, blockCdb(kRead16, lba, blocks), {}, data);
    checkSense(result, 0x052100, 1024);
    CHECK(informationOf(result) == std::max(lba, kBlocks));
    checkSense(send(*driver, blockCdb(kWrite12, lba, blocks), data), 0x052100, 1024);
  }
  for (const uint64_t lba : {UINT64_MAX, UINT64_MAX / 512, uint64_t{1} << 55, uint64_t{1} << 63}) {
    CAPTURE(lba);
    const ScsiResult result = send(*driver, blockCdb(kRead16, lba, 0xffffffff), {}, data);
    checkSense(result, 0x052100, 1024);
    CHECK((result.sense[0] & 0x80) == 0);  // fixed format has no room for that address
    checkSense(send(*driver, blockCdb(kSynchronizeCache16, lba, 1)), 0x052100, 0);
    checkSense(send(*driver, blockCdb(kWriteSame16, lba, 1), std::span(data).first(512)), 0x052100,
               512);
    checkSense(send(*driver, compareAndWriteCdb(lba, 1), data), 0x052100, 1024);
    checkSense(send(*driver, unmapCdb(24), unmapList({{lba, 1}})), 0x052100, 24);
  }
  checkSense(send(*driver, blockCdb(kRead10, kBlocks + 1, 0)), 0x052100, 0);
}

TEST_CASE("scsi: descriptor sense where MODE SELECT chose it") {
  ScsiFixture fixture;
  REQUIRE(fixture.controller().configureUnit(1, 0, {.descriptorSense = true}).ok());
  auto driver = fixture.driver();
  const ScsiResult result = send(*driver, blockCdb(kSynchronizeCache16, uint64_t{1} << 60, 1));
  checkSense(result, 0x052100, 0);
  REQUIRE(result.sense.size() == 20);
  CHECK(result.sense[0] == 0x72);
  CHECK(result.sense[8 + 4] == 0x10);  // the address' first byte
  CHECK_FALSE(fixture.controller().configureUnit(1, 1, {}).ok());
}

TEST_CASE("scsi: protection bits, NACA and reserved features: 5/24/00 with the field") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  std::vector<std::byte> data(1024);
  const auto out = std::span<const std::byte>(data);
  const auto check = [&](const CdbBytes& cdb, bool reads, uint8_t byte, uint8_t bit) {
    CAPTURE(static_cast<int>(cdb[0]));
    const ScsiResult result = reads ? send(*driver, cdb, {}, data) : send(*driver, cdb, out);
    checkSense(result, 0x052400, 1024);
    REQUIRE(result.sense.size() == 18);
    CHECK(result.sense[15] == (0xc8 | bit));
    CHECK(result.sense[17] == byte);
  };
  for (const uint8_t protect : {0x20, 0x40, 0x80, 0xe0}) {
    for (const uint8_t opcode : {kRead10, kRead12, kRead16})
      check(blockCdb(opcode, 0, 2, protect), true, 1, 7);
    for (const uint8_t opcode : {kWrite10, kWrite12, kWrite16, kWriteSame10, kWriteSame16})
      check(blockCdb(opcode, 0, 2, protect), false, 1, 7);
    check(compareAndWriteCdb(0, 1, protect), false, 1, 7);
  }
  check(blockCdb(kWriteSame10, 0, 2, 0x10), false, 1, 4);  // ANCHOR
  check(blockCdb(kWriteSame16, 0, 2, 0x01), false, 1, 0);  // NDOB
  check(unmapCdb(24, 0x01), false, 1, 0);                  // ANCHOR
  for (CdbBytes cdb : {shortCdb(kWrite6, 0, 1), blockCdb(kWrite10, 0, 1), blockCdb(kWrite12, 0, 1),
                       blockCdb(kWrite16, 0, 1), unmapCdb(24), compareAndWriteCdb(0, 1)}) {
    cdb.back() = 0x04;
    check(cdb, false, static_cast<uint8_t>(cdb.size() - 1), 2);
  }
  CHECK(isZero(read(*driver, 0, 8)));
}

TEST_CASE("scsi: SYNCHRONIZE CACHE of all, of a range and of none") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  checkGood(send(*driver, blockCdb(kSynchronizeCache10, 0, 0)));
  checkGood(send(*driver, blockCdb(kSynchronizeCache16, 5, 3, 0x02)));
  checkGood(send(*driver, blockCdb(kSynchronizeCache16, kBlocks, 0)));
  CHECK(fixture.total(&virtio::QueueCounters::flushes) == 3);
}

TEST_CASE("scsi: WRITE SAME of zeros and of a pattern, to exactly the blocks it names") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto before = pattern(64 * 512, 1);
  const std::vector<std::byte> zeros(512);
  const auto block = pattern(512, 77);
  for (const auto& [cdb, content] : std::vector<std::pair<CdbBytes, std::vector<std::byte>>>{
           {blockCdb(kWriteSame10, 3, 50), zeros},
           {blockCdb(kWriteSame10, 3, 50, 0x08), zeros},
           {blockCdb(kWriteSame16, 3, 50), block},
           {blockCdb(kWriteSame16, 3, 50, 0x08), block}}) {
    checkGood(send(*driver, blockCdb(kWrite10, 0, 64), before));
    checkGood(send(*driver, cdb, content));
    const auto after = read(*driver, 0, 64);
    for (size_t i = 0; i < 64; ++i) {
      const bool named = i >= 3 && i < 53;
      const std::byte* expected = named ? content.data() : before.data() + i * 512;
      CHECK(std::memcmp(after.data() + i * 512, expected, 512) == 0);
    }
  }
}

TEST_CASE("scsi: WRITE SAME over the whole disk crosses its own buffer's size") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto block = pattern(512, 5);
  checkGood(send(*driver, blockCdb(kWriteSame16, 1, kBlocks - 1), block));
  for (const uint64_t lba : {uint64_t{1}, kBlocks / 2, kBlocks - 1})
    CHECK(read(*driver, lba, 1) == block);
  CHECK(isZero(read(*driver, 0, 1)));
}

TEST_CASE("scsi: WRITE SAME within its limits") {
  ScsiFixture fixture({.limits = {.writeSameBlocks = 8}});
  auto driver = fixture.driver();
  const auto block = pattern(512, 5);
  checkGood(send(*driver, blockCdb(kWriteSame10, 0, 8), block));
  checkSense(send(*driver, blockCdb(kWriteSame10, 0, 9), block), 0x052400, 512);
  checkSense(send(*driver, blockCdb(kWriteSame16, 0, 0), block), 0x052400, 512);  // WSNZ
  // Not thinly provisioned: nothing can be deallocated.
  checkSense(send(*driver, blockCdb(kWriteSame10, 0, 1, 0x08), block), 0x052400, 512);
}

TEST_CASE("scsi: UNMAP gives back the blocks of each descriptor, and zeros are read there") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  checkGood(send(*driver, blockCdb(kWrite10, 0, 64), pattern(64 * 512, 2)));
  const auto list = unmapList({{0, 8}, {16, 16}, {40, 0}});
  checkGood(send(*driver, unmapCdb(static_cast<uint16_t>(list.size())), list));
  CHECK(isZero(read(*driver, 0, 8)));
  CHECK_FALSE(isZero(read(*driver, 8, 8)));
  CHECK(isZero(read(*driver, 16, 16)));
  CHECK_FALSE(isZero(read(*driver, 32, 16)));
  CHECK(fixture.total(&virtio::QueueCounters::discards) == 1);
}

TEST_CASE("scsi: UNMAP parameter lists of every wrong form") {
  ScsiFixture fixture({.limits = {.unmapBlocks = 32, .unmapDescriptors = 2}});
  auto driver = fixture.driver();
  const auto data = pattern(64 * 512, 2);
  checkGood(send(*driver, blockCdb(kWrite10, 0, 64), data));
  const auto list = unmapList({{0, 8}});
  checkGood(send(*driver, unmapCdb(0)));
  checkSense(send(*driver, unmapCdb(7), std::span(list).first(7)), 0x051a00, 7);
  checkGood(send(*driver, unmapCdb(8), std::span(list).first(8)));
  checkGood(send(*driver, unmapCdb(23), std::span(list).first(23)));  // an incomplete descriptor
  checkSense(send(*driver, unmapCdb(56), unmapList({{0, 1}, {1, 1}, {2, 1}})), 0x052600, 56);
  checkSense(send(*driver, unmapCdb(24), unmapList({{0, 33}})), 0x052600, 24);
  const ScsiResult result = send(*driver, unmapCdb(40), unmapList({{0, 32}, {40, 1}}));
  checkSense(result, 0x052600, 40);
  CHECK(result.sense[17] == 8 + 16 + 8);
  // The header says more than there is: what is there counts.
  auto lying = list;
  lying[2] = lying[3] = std::byte{0xff};
  CHECK(read(*driver, 0, 64) == data);
  checkGood(send(*driver, unmapCdb(24), lying));
  CHECK(isZero(read(*driver, 0, 8)));
}

TEST_CASE("scsi: COMPARE AND WRITE writes when it matches, and says where it doesn't") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto before = pattern(1024, 1);
  const auto next = pattern(1024, 2);
  checkGood(send(*driver, blockCdb(kWrite10, 4, 2), before));
  std::vector<std::byte> both = before;
  both.insert(both.end(), next.begin(), next.end());
  checkGood(send(*driver, compareAndWriteCdb(4, 2, 0x08), both));
  CHECK(read(*driver, 4, 2) == next);
  // It holds `next` now, which differs from `before` at every byte; make that the 700th.
  std::memcpy(both.data(), next.data(), 1024);
  both[700] ^= std::byte{1};
  const ScsiResult result = send(*driver, compareAndWriteCdb(4, 2), both);
  checkSense(result, 0x0e1d00, 2048);
  CHECK((result.sense[0] & 0x80) != 0);
  CHECK((result.sense[5] << 8 | result.sense[6]) == 700);
  CHECK(read(*driver, 4, 2) == next);
  checkGood(send(*driver, compareAndWriteCdb(4, 0)));
  checkSense(send(*driver, compareAndWriteCdb(0, 129), {}), 0x052400, 0);
}

TEST_CASE("scsi: COMPARE AND WRITE from all queues at once: each increment counts") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  constexpr unsigned kEach = 40;
  std::vector<std::thread> threads;
  for (const uint16_t queue : {2, 3}) {
    auto request = driver->makeRequest(kLun, compareAndWriteCdb(0, 1), 1024, false);
    auto reading = driver->makeRequest(kLun, blockCdb(kRead10, 0, 1), 512, true);
    REQUIRE(request.ok());
    REQUIRE(reading.ok());
    threads.emplace_back([&, queue, request = *request, reading = *reading] {
      for (unsigned done = 0; done < kEach;) {
        REQUIRE(driver->submitAndWait(ScsiDriver::chainOf(reading), queue).ok());
        const auto data = driver->dataOf(request);
        std::memcpy(data.data(), driver->dataOf(reading).data(), 512);
        std::memcpy(data.data() + 512, data.data(), 512);
        uint32_t counter;
        std::memcpy(&counter, data.data(), sizeof counter);
        ++counter;
        std::memcpy(data.data() + 512, &counter, sizeof counter);
        REQUIRE(driver->submitAndWait(ScsiDriver::chainOf(request), queue).ok());
        if (driver->resultOf(request, 0).status == kGood) ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  uint32_t counter;
  std::memcpy(&counter, read(*driver, 0, 1).data(), sizeof counter);
  CHECK(counter == 2 * kEach);
}

TEST_CASE("scsi: what a unit's limits leave out goes to the control plane, which knows it not") {
  ScsiFixture fixture({.limits = {.writeSameBlocks = 8}});
  auto driver = fixture.driver();
  for (const CdbBytes& cdb : {unmapCdb(24), compareAndWriteCdb(0, 1)}) {
    ScsiResult result;
    const auto message = fixture.whileAnswering({.status = kCheckCondition}, [&] {
      result = send(*driver, cdb, std::vector<std::byte>(1024));
    });
    CHECK(message.header.cdb[0] == cdb[0]);
    CHECK(message.dataOut.empty());
    CHECK(result.status == kCheckCondition);
    CHECK(result.residual == 1024);
  }
}

TEST_CASE("scsi: a read-only disk: 7/27/00 for every write; reads and cache flushes pass") {
  ScsiFixture fixture({.readOnly = true});
  auto driver = fixture.driver();
  const auto data = pattern(1024, 1);
  const auto check = [&](const CdbBytes& cdb, std::span<const std::byte> out) {
    checkSense(send(*driver, cdb, out), 0x072700, static_cast<uint32_t>(out.size()));
  };
  check(shortCdb(kWrite6, 0, 2), data);
  check(blockCdb(kWrite10, 0, 2), data);
  check(blockCdb(kWrite12, 0, 2), data);
  check(blockCdb(kWrite16, 0, 2), data);
  check(blockCdb(kWriteSame10, 0, 2), std::span(data).first(512));
  check(blockCdb(kWriteSame16, 0, 2), std::span(data).first(512));
  check(compareAndWriteCdb(0, 1), data);
  check(unmapCdb(24), unmapList({{0, 1}}));
  checkGood(send(*driver, blockCdb(kSynchronizeCache10, 0, 0)));
  std::vector<std::byte> back(1024);
  checkGood(send(*driver, blockCdb(kRead10, 0, 2, 0x08), {}, back));  // FUA
  CHECK(isZero(back));
}

TEST_CASE("scsi: software write protect: 7/27/02, and it can be taken back") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto data = pattern(512, 1);
  REQUIRE(fixture.controller().configureUnit(1, 0, {.softwareWriteProtect = true}).ok());
  checkSense(send(*driver, blockCdb(kWrite10, 0, 1), data), 0x072702, 512);
  checkGood(send(*driver, blockCdb(kSynchronizeCache10, 0, 0)));
  REQUIRE(fixture.controller().configureUnit(1, 0, {}).ok());
  checkGood(send(*driver, blockCdb(kWrite10, 0, 1), data));
}

TEST_CASE("scsi: blocks of 4096 bytes") {
  ScsiFixture fixture({.blockSize = 4096});
  auto driver = fixture.driver();
  const auto data = pattern(8192, 1);
  checkGood(send(*driver, blockCdb(kWrite10, 254, 2), data));
  std::vector<std::byte> back(8192);
  checkGood(send(*driver, blockCdb(kRead16, 254, 2), {}, back));
  CHECK(back == data);
  checkSense(send(*driver, blockCdb(kRead10, 255, 2), {}, back), 0x052100, 8192);
}

TEST_CASE("scsi: an image that became shorter: medium errors, and the ring goes on") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  REQUIRE(::truncate(fixture.image().path().c_str(), ScsiFixture::kSize / 2) == 0);
  std::vector<std::byte> data(512);
  checkSense(send(*driver, blockCdb(kRead10, kBlocks - 1, 1), {}, data), 0x031100, 512);
  checkGood(send(*driver, blockCdb(kRead10, 0, 1), {}, data));
}

TEST_CASE("scsi: buffers at odd addresses, and data in the same buffer as header and response") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto data = pattern(512, 9);
  auto write = driver->makeRequest(kLun, blockCdb(kWrite10, 4, 1), 0, false);
  auto area = driver->memory().allocate(4096, 4096);
  REQUIRE(write.ok());
  REQUIRE(area.ok());
  std::byte* host = driver->memory().hostAddr(*area, 4096);
  // Header and data out in one buffer; the response in 108 buffers of one byte.
  std::memcpy(host, &driver->headerOf(*write), 51);
  std::memcpy(host + 51, data.data(), 512);
  std::vector<frontend::Buffer> chain{{*area, 51 + 512, false}};
  for (uint32_t i = 0; i < 108; ++i) chain.push_back({write->response.guestAddr + i, 1, true});
  REQUIRE(driver->submitAndWait(chain, 2).ok());
  checkGood(driver->resultOf(*write, 0));
  CHECK(fixture.total(&virtio::QueueCounters::bounced) == 1);

  // Response and data in share a buffer.
  auto reading = driver->makeRequest(kLun, blockCdb(kRead10, 4, 1), 0, true);
  const std::vector<frontend::Buffer> joined{reading->header, {*area + 100, 108 + 512, true}};
  const auto used = driver->submitAndWait(joined, 2);
  REQUIRE(used.ok());
  CHECK(used->writtenBytes == 108 + 512);
  CHECK(host[100 + 11] == std::byte{VIRTIO_SCSI_S_OK});
  CHECK(std::memcmp(host + 100 + 108, data.data(), 512) == 0);
}
