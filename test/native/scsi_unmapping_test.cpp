#include <doctest/doctest.h>

#include "support/scsi_disk.h"

using namespace holdfast;
using frontend::ScsiResult;
using test::blockCdb;
using test::CdbBytes;
using test::checkGood;
using test::checkSense;
using test::isZero;
using test::kBlocks;
using test::kWrite10;
using test::kWriteSame10;
using test::kWriteSame16;
using test::pattern;
using test::read;
using test::ScsiFixture;
using test::send;
using test::unmapCdb;
using test::unmapList;

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
