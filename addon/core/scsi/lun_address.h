#pragma once

#include <cstdint>

#include "core/scsi/scsi_protocol.h"

namespace holdfast::scsi {

/// What the LUN field of a request says (virtio 1.4, 5.6.6.1; SAM-5, 4.7).
struct LunAddress {
  enum class Kind : uint8_t {
    /// `target` and `lun` are set.
    kLogicalUnit,
    /// A place behind `target` where no logical unit of ours can be: a well-known logical unit, a
    /// bus, several levels.
    kOtherOfTarget,
    /// The REPORT LUNS well-known logical unit of the whole controller.
    kReportLuns,
    /// No form that virtio-scsi has.
    kInvalid,
  };

  static constexpr uint16_t kLunMax = 0x3fff;

  Kind kind = Kind::kInvalid;
  uint8_t target = 0;
  uint16_t lun = 0;

  static LunAddress decode(const LunField& field);
  /// The field of an event about `lun` (up to kLunMax): peripheral addressing as far as it goes,
  /// then flat, as REPORT LUNS has it; Linux compares.
  static LunField encode(uint8_t target, uint16_t lun);
};

}  // namespace holdfast::scsi
