#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/disk/fence_line.h"
#include "core/io/io_channel.h"
#include "core/scsi/logical_unit.h"
#include "core/scsi/unit_table.h"

namespace holdfast::scsi {

/// A logical unit as one queue uses it: keeps it, and its place on the queue's channel, for as long
/// as requests of that queue refer to it.
struct UnitUse {
  std::shared_ptr<LogicalUnit> unit;
  unsigned requests = 0;
  /// False: the channel refused the disk.
  bool usable = false;
  /// Gone from the controller: ends with its last request.
  bool leaving = false;
};

/// The controller's logical units as one queue sees them. Used on its worker's thread only, so that
/// a request costs a plain increment.
class UnitUses {
 public:
  /// Requests wait at the units' fences in `line`.
  UnitUses(const UnitTable& table, IoChannel& channel, FenceLine& line);
  /// No request refers to a unit any more.
  ~UnitUses();
  UnitUses(const UnitUses&) = delete;
  UnitUses& operator=(const UnitUses&) = delete;

  /// Follows the controller's table if that changed.
  void refresh() {
    if (table_.version() != seen_) follow();
  }
  /// A unit was removed, and requests refer to it still.
  bool anyLeaving() const { return !leaving_.empty(); }
  bool hasTarget(uint8_t target) const { return targets_[target]; }
  /// Null: none there.
  UnitUse* find(uint8_t target, uint16_t lun);

  void begin(UnitUse& use) { ++use.requests; }
  void end(UnitUse& use) {
    if (--use.requests == 0 && use.leaving) drop(use);
  }

 private:
  void follow();
  void drop(UnitUse& use);

  const UnitTable& table_;
  IoChannel& channel_;
  FenceLine& line_;
  uint64_t seen_ = 0;
  std::vector<std::unique_ptr<UnitUse>> uses_;     // ascending place
  std::vector<std::unique_ptr<UnitUse>> leaving_;  // with requests
  std::bitset<256> targets_;
  UnitUse* lastFound_ = nullptr;
};

}  // namespace holdfast::scsi
