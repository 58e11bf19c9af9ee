#pragma once

#include <memory>
#include <string>

#include "frontend/blk_driver.h"
#include "initiator/command_line.h"

namespace holdfast::initiator {

/// As Session, through the SCSI commands of a virtio-blk device (VIRTIO_BLK_T_SCSI_CMD), which has
/// no LUNs and no task management; one command at a time.
class BlkSession {
 public:
  /// Error: nobody there, or VIRTIO_BLK_F_SCSI isn't offered.
  static Result<std::unique_ptr<BlkSession>> open(const std::string& socketPath);

  /// Reads commands from stdin and prints answers to stdout. Error: the back end went away, or a
  /// line is not understood.
  Status run();

 private:
  static constexpr uint32_t kDataSize = 256 * 1024;
  static constexpr uint32_t kSenseSize = 96;

  /// Reused by each command.
  struct Buffers {
    frontend::BlkDriver::RequestBuffers block;
    frontend::Buffer cdb, dataOut, dataIn, sense, trailer;
  };

  explicit BlkSession(std::unique_ptr<frontend::BlkDriver> driver) : driver_(std::move(driver)) {}

  Status prepareBuffers();
  Status execute(const CommandLine& command);
  std::byte* at(const frontend::Buffer& buffer) const;

  std::unique_ptr<frontend::BlkDriver> driver_;
  Buffers buffers_;
};

}  // namespace holdfast::initiator
