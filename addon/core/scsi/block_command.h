#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "core/disk/access_fence.h"
#include "core/scsi/logical_unit.h"
#include "core/scsi/scsi_protocol.h"
#include "core/scsi/sense.h"

namespace holdfast::scsi {

/// The commands that move data between guest and medium, or tell the medium about it (SBC-3, 5).
enum class BlockOperation : uint8_t {
  kRead,
  kWrite,
  kSynchronizeCache,
  kUnmap,
  kWriteSame,
  kCompareAndWrite,
  kVerify,
  kWriteAndVerify,
};

struct BlockCommand {
  BlockOperation operation = BlockOperation::kRead;
  bool forceUnitAccess = false;
  /// WRITE SAME: deallocate what can be.
  bool unmap = false;
  /// VERIFY, WRITE AND VERIFY: the medium with what the guest sends (BYTCHK 01b).
  bool compare = false;
  uint64_t lba = 0;
  uint64_t blocks = 0;
  /// UNMAP, bytes.
  uint32_t parameterListLength = 0;
};

/// Null: not one of these operation codes.
std::optional<BlockOperation> blockOperationOf(uint8_t opcode);

/// Whether a logical unit with these limits has it at all.
bool isOffered(BlockOperation operation, const BlockLimits& limits);

AccessFence::Access accessOf(BlockOperation operation);

/// Checks every field of a CDB that blockOperationOf() knows, the range against `capacity` (blocks)
/// too. The Sense says what is wrong first, as src/scsi says it of its commands.
std::variant<BlockCommand, Sense> decodeBlockCommand(const Cdb& cdb, const BlockLimits& limits,
                                                     uint64_t capacity);

/// Where zero blocks may begin, too: up to `capacity`. Null: in range.
std::optional<Sense> beyondEnd(uint64_t lba, uint64_t blocks, uint64_t capacity);

}  // namespace holdfast::scsi
