#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <functional>
#include <memory>

#include "core/disk/access_fence.h"
#include "core/disk/disk.h"
#include "core/io/io_target.h"

namespace holdfast::scsi {

/// How many logical blocks one command may name, as VPD page B0h promises it.
struct BlockLimits {
  uint64_t writeSameBlocks = 0;
  /// Of all descriptors of an UNMAP; 0: the logical unit isn't thinly provisioned.
  uint64_t unmapBlocks = 0;
  uint32_t unmapDescriptors = 0;
  /// 0: no COMPARE AND WRITE.
  uint32_t compareAndWriteBlocks = 0;
};

/// What MODE SELECT changes.
struct UnitSettings {
  /// D_SENSE
  bool descriptorSense = false;
  /// SWP
  bool softwareWriteProtect = false;
};

/// A disk at a place of one controller, as one nexus reaches it. Shared by the controller and by
/// the queues that serve it; the last of them lets go of the disk.
class LogicalUnit {
 public:
  struct Options {
    uint8_t target = 0;
    uint16_t lun = 0;
    std::shared_ptr<Disk> disk;
    std::shared_ptr<AccessFence> fence;
    BlockLimits limits;
  };

  /// `slot`: the attachment's number for it, see IoTarget.
  LogicalUnit(Options options, unsigned slot)
      : options_(std::move(options)),
        target_{.geometry = options_.disk->geometry(), .slot = slot},
        blockShift_(std::countr_zero(options_.disk->blockSize())) {}
  ~LogicalUnit() {
    options_.disk.reset();
    options_.fence.reset();
    if (released_) released_();
  }
  LogicalUnit(const LogicalUnit&) = delete;
  LogicalUnit& operator=(const LogicalUnit&) = delete;

  uint8_t target() const { return options_.target; }
  uint16_t lun() const { return options_.lun; }
  /// Ascends with target, then LUN.
  uint32_t place() const { return placeOf(target(), lun()); }
  static uint32_t placeOf(uint8_t target, uint16_t lun) { return uint32_t{target} << 16 | lun; }

  Disk& disk() const { return *options_.disk; }
  AccessFence& fence() const { return *options_.fence; }
  const BlockLimits& limits() const { return options_.limits; }
  const IoTarget& ioTarget() const { return target_; }

  uint32_t blockSize() const { return 1U << blockShift_; }
  uint64_t blocks() const {
    return disk().sizeBytes().load(std::memory_order_relaxed) >> blockShift_;
  }
  uint64_t bytesOf(uint64_t blocks) const { return blocks << blockShift_; }

  void configure(UnitSettings settings) { settings_.store(settings, std::memory_order_relaxed); }
  UnitSettings settings() const { return settings_.load(std::memory_order_relaxed); }

  /// `released` is called when disk and fence were let go, on any thread. Set once, by whoever
  /// takes the unit out of the controller.
  void onRelease(std::function<void()> released) { released_ = std::move(released); }

 private:
  Options options_;
  const IoTarget target_;
  const int blockShift_;
  std::atomic<UnitSettings> settings_{};
  std::function<void()> released_;
};

}  // namespace holdfast::scsi
