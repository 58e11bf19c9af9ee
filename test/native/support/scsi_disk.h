#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"

/// The disk of a ScsiFixture, command by command.
namespace holdfast::test {

inline constexpr uint8_t kGood = 0x00;
inline constexpr uint8_t kCheckCondition = 0x02;
inline constexpr uint64_t kBlocks = ScsiFixture::kSize / 512;
inline const frontend::ScsiLun kLun = frontend::scsiLun(1, 0);

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

inline frontend::ScsiResult send(frontend::ScsiDriver& driver, const CdbBytes& cdb,
                                 std::span<const std::byte> out = {}, std::span<std::byte> in = {},
                                 uint16_t queue = 2) {
  const auto result = driver.execute(kLun, cdb, out, in, queue);
  REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.error().message));
  return *result;
}

inline void checkGood(const frontend::ScsiResult& result, uint32_t residual = 0) {
  CHECK(result.response == VIRTIO_SCSI_S_OK);
  CHECK(result.status == kGood);
  CHECK(result.senseCode() == 0);
  CHECK(result.residual == residual);
}

inline void checkSense(const frontend::ScsiResult& result, uint32_t code, uint32_t residual) {
  CHECK(result.response == VIRTIO_SCSI_S_OK);
  CHECK(result.status == kCheckCondition);
  CHECK(result.senseCode() == code);
  CHECK(result.residual == residual);
}

inline std::vector<std::byte> read(frontend::ScsiDriver& driver, uint64_t lba, size_t blocks) {
  std::vector<std::byte> data(blocks * 512);
  checkGood(send(driver, blockCdb(kRead16, lba, blocks), {}, data));
  return data;
}

inline bool isZero(std::span<const std::byte> data) {
  return std::ranges::all_of(data, [](std::byte b) { return b == std::byte{0}; });
}

inline std::vector<std::byte> unmapList(std::vector<std::pair<uint64_t, uint32_t>> ranges) {
  CdbBytes list;
  appendBigEndian(list, 6 + 16 * ranges.size(), 2);
  appendBigEndian(list, 16 * ranges.size(), 2);
  appendBigEndian(list, 0, 4);
  for (const auto& [lba, blocks] : ranges) {
    appendBigEndian(list, lba, 8);
    appendBigEndian(list, blocks, 4);
    appendBigEndian(list, 0, 4);
  }
  std::vector<std::byte> bytes(list.size());
  std::memcpy(bytes.data(), list.data(), list.size());
  return bytes;
}

}  // namespace holdfast::test
