#pragma once

#include <cstdint>
#include <optional>

#include "core/scsi/scsi_protocol.h"
#include "core/scsi/sense.h"

namespace holdfast::scsi {

/// How a command ended.
struct CommandOutcome {
  Response response = Response::kOk;
  ScsiStatus status = ScsiStatus::kGood;
  /// With CHECK CONDITION.
  std::optional<Sense> sense{};
  /// Bytes of data that were taken or given, for the residual.
  uint64_t transferred = 0;
};

constexpr CommandOutcome failed(Response response) {
  return {.response = response};
}
constexpr CommandOutcome ended(ScsiStatus status) {
  return {.status = status};
}
constexpr CommandOutcome checkCondition(const Sense& sense) {
  return {.status = ScsiStatus::kCheckCondition, .sense = sense};
}

}  // namespace holdfast::scsi
