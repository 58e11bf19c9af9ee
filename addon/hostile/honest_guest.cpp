#include "hostile/honest_guest.h"

#include <algorithm>
#include <cerrno>

namespace holdfast::hostile {

namespace {

using namespace frontend;

constexpr uint64_t kSectorsPerBlock = 8;
constexpr uint64_t kFirstBlock = 1024;
constexpr uint8_t kRead10 = 0x28, kWrite10 = 0x2a, kTestUnitReady = 0;
const ScsiLun kDisk = scsiLun(0, 0);

std::byte patternOf(uint64_t round) {
  return static_cast<std::byte>(1 + round % 255);
}

}  // namespace

Result<std::unique_ptr<HonestGuest>> HonestGuest::open(DeviceKind device,
                                                       const std::string& socketPath) {
  std::unique_ptr<HonestGuest> guest(new HonestGuest);
  if (device == DeviceKind::kBlk) {
    auto driver = BlkDriver::openAndStart(socketPath);
    if (!driver) return driver.error();
    guest->blk_ = std::move(*driver);
    return guest;
  }
  auto driver = ScsiDriver::openAndStart(socketPath);
  if (!driver) return driver.error();
  guest->scsi_ = std::move(*driver);
  // The first command of a nexus meets the unit attention for power on.
  const uint8_t testUnitReady[6] = {kTestUnitReady};
  if (const auto result = guest->scsi_->execute(kDisk, testUnitReady); !result)
    return result.error();
  return guest;
}

Status HonestGuest::writeAndVerify(uint64_t round) {
  std::ranges::fill(data_, patternOf(round));
  if (Status written = transfer(true, round % kBlocks); !written) return written;
  if (round > 0)
    if (Status before = verify(round - 1); !before) return before;
  return verify(round);
}

Status HonestGuest::verify(uint64_t round) {
  if (Status read = transfer(false, round % kBlocks); !read) return read;
  const auto expected = patternOf(round);
  if (std::ranges::all_of(data_, [&](std::byte byte) { return byte == expected; })) return {};
  return Error{EIO, "the block of round " + std::to_string(round) + " is another one"};
}

Status HonestGuest::transfer(bool write, uint64_t block) {
  const uint64_t sector = (kFirstBlock + block) * kSectorsPerBlock;
  if (blk_) {
    const auto status = write ? blk_->write(sector, data_) : blk_->read(sector, data_);
    if (!status) return status.error();
    return *status == VIRTIO_BLK_S_OK ? Status() : Error{EIO, "a request failed"};
  }
  const uint8_t cdb[10] = {write ? kWrite10 : kRead10,
                           0,
                           static_cast<uint8_t>(sector >> 24),
                           static_cast<uint8_t>(sector >> 16),
                           static_cast<uint8_t>(sector >> 8),
                           static_cast<uint8_t>(sector),
                           0,
                           0,
                           kSectorsPerBlock,
                           0};
  const auto result =
      write ? scsi_->execute(kDisk, cdb, data_) : scsi_->execute(kDisk, cdb, {}, data_);
  if (!result) return result.error();
  const bool good = result->response == VIRTIO_SCSI_S_OK && result->status == 0;
  return good ? Status() : Error{EIO, "a command failed"};
}

}  // namespace holdfast::hostile
