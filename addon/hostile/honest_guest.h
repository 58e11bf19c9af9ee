#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "hostile/guest.h"

namespace holdfast::hostile {

/// A guest that does nothing wrong, and finds out whether it is served while others do. Writes to
/// the second half of the disk.
class HonestGuest {
 public:
  static Result<std::unique_ptr<HonestGuest>> open(DeviceKind device,
                                                   const std::string& socketPath);

  /// Writes a block; it, and the one of the round before, whichever guest wrote it, must be read
  /// back.
  Status writeAndVerify(uint64_t round);

 private:
  static constexpr uint64_t kBlocks = 1024;
  static constexpr size_t kBlockSize = 4096;

  HonestGuest() = default;
  Status transfer(bool write, uint64_t block);
  Status verify(uint64_t round);

  std::unique_ptr<frontend::BlkDriver> blk_;
  std::unique_ptr<frontend::ScsiDriver> scsi_;
  std::vector<std::byte> data_ = std::vector<std::byte>(kBlockSize);
};

}  // namespace holdfast::hostile
