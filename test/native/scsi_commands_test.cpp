#include <doctest/doctest.h>

#include <cstring>

#include "support/scsi_disk.h"

using namespace holdfast;
using frontend::ScsiResult;
using test::blockCdb;
using test::CdbBytes;
using test::checkGood;
using test::checkSense;
using test::compareAndWriteCdb;
using test::isZero;
using test::kBlocks;
using test::kCheckCondition;
using test::kLun;
using test::kRead10;
using test::kRead12;
using test::kRead16;
using test::kRead6;
using test::kSynchronizeCache10;
using test::kSynchronizeCache16;
using test::kWrite10;
using test::kWrite12;
using test::kWrite16;
using test::kWrite6;
using test::kWriteSame10;
using test::kWriteSame16;
using test::pattern;
using test::read;
using test::ScsiFixture;
using test::send;
using test::shortCdb;
using test::unmapCdb;
using test::unmapList;

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
