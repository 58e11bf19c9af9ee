#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/status.h"
#include "core/scsi/logical_unit.h"

namespace holdfast::scsi {

/// The logical units of one controller. Any thread.
class UnitTable {
 public:
  using Units = std::vector<std::shared_ptr<LogicalUnit>>;

  struct Snapshot {
    Units units;  // ascending place
    uint64_t version = 0;
  };

  Snapshot read() const;
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  std::shared_ptr<LogicalUnit> find(uint8_t target, uint16_t lun) const;
  bool hasTarget(uint8_t target) const;

  /// Errors: EINVAL, no such place; EEXIST, taken; ENOSPC, IoTarget::kMaxSlots are there, or were
  /// and have requests left.
  Status add(LogicalUnit::Options options);
  /// `released` is called when the last request of the unit has ended and its disk was let go.
  /// Error: ENOENT.
  Status remove(uint8_t target, uint16_t lun, std::function<void()> released);

 private:
  /// With mutex_ held. -1: none.
  int freeSlot() const;

  mutable std::mutex mutex_;
  Units units_;
  /// Who has which number on the channels. A number is free when the last queue let go of the unit:
  /// requests of the one before must not meet the disk of the next.
  std::array<std::weak_ptr<LogicalUnit>, IoTarget::kMaxSlots> slots_;
  std::atomic<uint64_t> version_{1};
};

}  // namespace holdfast::scsi
