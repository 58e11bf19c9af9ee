#include <doctest/doctest.h>

#include <string>

#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"

using namespace holdfast;
using frontend::ScsiDriver;
using frontend::scsiLun;
using test::blockCdb;
using test::CdbBytes;
using test::pattern;
using test::ScsiFixture;

namespace {

constexpr uint64_t kBlocks = ScsiFixture::kSize / 512;
constexpr uint8_t kRead16 = 0x88, kWrite16 = 0x8a;
constexpr uint8_t kVerifies[] = {0x2f, 0xaf, 0x8f};
constexpr uint8_t kWriteAndVerifies[] = {0x2e, 0xae, 0x8e};
constexpr uint8_t kCompare = 0x02;
/// More than is compared at once.
constexpr uint32_t kManyBlocks = 520;

/// `good`, the sense, or the response; then the residual.
std::string outcome(ScsiDriver& driver, const CdbBytes& cdb, std::span<const std::byte> out = {}) {
  const auto result = driver.execute(scsiLun(1, 0), cdb, out);
  REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.error().message));
  const std::string residual = " " + std::to_string(result->residual);
  if (result->response != VIRTIO_SCSI_S_OK)
    return "response " + std::to_string(result->response) + residual;
  if (result->status == 0) return "good" + residual;
  char sense[8];
  std::snprintf(sense, sizeof sense, "%06x", result->senseCode());
  return sense + residual;
}

std::vector<std::byte> read(ScsiDriver& driver, uint64_t lba, size_t blocks) {
  std::vector<std::byte> data(blocks * 512);
  const auto result = driver.execute(scsiLun(1, 0), blockCdb(kRead16, lba, blocks), {}, data);
  REQUIRE(result.ok());
  REQUIRE(result->status == 0);
  return data;
}

/// What both commands refuse in the same way.
void checkRefusals(ScsiDriver& driver, uint8_t opcode) {
  const auto block = pattern(512, 3);
  CHECK(outcome(driver, blockCdb(opcode, kBlocks, 0, kCompare)) == "good 0");
  CHECK(outcome(driver, blockCdb(opcode, kBlocks, 1, kCompare), block) == "052100 512");
  CHECK(outcome(driver, blockCdb(opcode, 0, 2, kCompare), block) ==
        "response " + std::to_string(VIRTIO_SCSI_S_OVERRUN) + " 512");
  for (const uint8_t flags : {0x04, 0x06, 0x20, 0x22})
    CHECK(outcome(driver, blockCdb(opcode, 0, 1, flags), block) == "052400 512");
}

}  // namespace

TEST_CASE("scsi: VERIFY compares what it is given with every byte on the medium") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  auto data = pattern(kManyBlocks * 512, 1);
  const std::string allOfIt = " " + std::to_string(data.size());
  CHECK(outcome(*driver, blockCdb(kWrite16, 4, kManyBlocks), data) == "good 0");
  for (const uint8_t opcode : kVerifies) {
    const CdbBytes cdb = blockCdb(opcode, 4, kManyBlocks, kCompare);
    CHECK(outcome(*driver, cdb, data) == "good 0");
    for (const size_t at : {size_t{0}, data.size() - 1}) {
      data[at] ^= std::byte{1};
      CHECK(outcome(*driver, cdb, data) == "0e1d00" + allOfIt);
      data[at] ^= std::byte{1};
    }
    CHECK(outcome(*driver, blockCdb(opcode, 4, 1, kCompare), std::span(data).first(1024)) ==
          "good 512");
    CHECK(outcome(*driver, blockCdb(opcode, 0, kBlocks)) == "good 0");
    checkRefusals(*driver, opcode);
  }
  CHECK(read(*driver, 4, kManyBlocks) == data);
}

TEST_CASE("scsi: WRITE AND VERIFY writes all it is given, compared or not") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  unsigned seed = 0;
  for (const uint8_t opcode : kWriteAndVerifies) {
    for (const uint8_t flags : {uint8_t{0}, kCompare}) {
      const auto data = pattern(kManyBlocks * 512, ++seed);
      CHECK(outcome(*driver, blockCdb(opcode, 4, kManyBlocks, flags), data) == "good 0");
      CHECK(read(*driver, 4, kManyBlocks) == data);
    }
    const auto before = read(*driver, 0, 4);
    checkRefusals(*driver, opcode);
    CHECK(read(*driver, 0, 4) == before);
  }
}

TEST_CASE("scsi: of a read-only disk VERIFY can compare; WRITE AND VERIFY is refused: 7/27/00") {
  ScsiFixture fixture({.readOnly = true});
  auto driver = fixture.driver();
  const auto data = read(*driver, 0, 1);
  CHECK(outcome(*driver, blockCdb(0x2f, 0, 1, kCompare), data) == "good 0");
  CHECK(outcome(*driver, blockCdb(0x2e, 0, 1), data) == "072700 512");
}
