#pragma once

#include <optional>

#include "core/scsi/command_outcome.h"
#include "core/scsi/scsi_request.h"

namespace holdfast::scsi {

/// Turns the CDB of `request` into an operation on its unit's disk, ready for IoChannel::start().
/// Parameter data is copied out of guest memory here, once. Returns the outcome where there is
/// nothing to start.
std::optional<CommandOutcome> prepareBlockCommand(ScsiRequest& request);

/// What became of the operation.
CommandOutcome outcomeOfBlockCommand(const ScsiRequest& request);

}  // namespace holdfast::scsi
