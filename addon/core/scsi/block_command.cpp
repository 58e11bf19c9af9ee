#include "core/scsi/block_command.h"

#include <algorithm>

#include "core/scsi/big_endian.h"

namespace holdfast::scsi {
namespace {

enum Opcode : uint8_t {
  kRead6 = 0x08,
  kWrite6 = 0x0a,
  kRead10 = 0x28,
  kWrite10 = 0x2a,
  kWriteAndVerify10 = 0x2e,
  kVerify10 = 0x2f,
  kSynchronizeCache10 = 0x35,
  kWriteSame10 = 0x41,
  kUnmap = 0x42,
  kRead16 = 0x88,
  kCompareAndWrite = 0x89,
  kWrite16 = 0x8a,
  kWriteAndVerify16 = 0x8e,
  kVerify16 = 0x8f,
  kSynchronizeCache16 = 0x91,
  kWriteSame16 = 0x93,
  kRead12 = 0xa8,
  kWrite12 = 0xaa,
  kWriteAndVerify12 = 0xae,
  kVerify12 = 0xaf,
};

/// The second byte's flags.
constexpr uint8_t kForceUnitAccess = 0x08;  // READ, WRITE, COMPARE AND WRITE
constexpr uint8_t kUnmapBit = 0x08;         // WRITE SAME
constexpr uint8_t kAnchorOfWriteSame = 0x10;
constexpr uint8_t kAnchorOfUnmap = 0x01;
constexpr uint8_t kNoDataOut = 0x01;  // NDOB of WRITE SAME(16)
constexpr uint8_t kProtect = 0xe0;    // RDPROTECT, WRPROTECT, VRPROTECT
constexpr uint8_t kByteCheck = 0x06;  // BYTCHK, two bits
constexpr uint8_t kCompareAll = 0x02;

constexpr uint8_t kNormalAca = 0x04;  // NACA of the control byte

/// Where the fields of a CDB lie, by the group of its operation code (SPC-4, 4.2.2).
struct Form {
  uint8_t size;
  uint8_t lba, lbaSize;
  uint8_t count, countSize;
};

Form formOf(const Cdb& cdb) {
  if (cdb[0] == kCompareAndWrite) return {16, 2, 8, 13, 1};
  switch (cdb[0] >> 5) {
    case 0:
      return {6, 1, 3, 4, 1};
    case 4:
      return {16, 2, 8, 10, 4};
    case 5:
      return {12, 2, 4, 6, 4};
    default:
      return {10, 2, 4, 7, 2};
  }
}

std::optional<Sense> checkWriteSame(const Cdb& cdb, const Form& form, const BlockCommand& command,
                                    const BlockLimits& limits) {
  if (cdb[1] & kAnchorOfWriteSame) return sense::invalidCdbField(1, 4);
  if (command.unmap && limits.unmapBlocks == 0) return sense::invalidCdbField(1, 3);
  if (cdb[1] & kNoDataOut) return sense::invalidCdbField(1, 0);
  // Zero blocks would mean all that follow: WSNZ of VPD page B0h says that there is no such thing.
  if (command.blocks == 0 || command.blocks > limits.writeSameBlocks)
    return sense::invalidCdbField(form.count);
  return {};
}

}  // namespace

std::optional<BlockOperation> blockOperationOf(uint8_t opcode) {
  switch (opcode) {
    case kRead6:
    case kRead10:
    case kRead12:
    case kRead16:
      return BlockOperation::kRead;
    case kWrite6:
    case kWrite10:
    case kWrite12:
    case kWrite16:
      return BlockOperation::kWrite;
    case kSynchronizeCache10:
    case kSynchronizeCache16:
      return BlockOperation::kSynchronizeCache;
    case kUnmap:
      return BlockOperation::kUnmap;
    case kWriteSame10:
    case kWriteSame16:
      return BlockOperation::kWriteSame;
    case kCompareAndWrite:
      return BlockOperation::kCompareAndWrite;
    case kVerify10:
    case kVerify12:
    case kVerify16:
      return BlockOperation::kVerify;
    case kWriteAndVerify10:
    case kWriteAndVerify12:
    case kWriteAndVerify16:
      return BlockOperation::kWriteAndVerify;
    default:
      return {};
  }
}

bool isOffered(BlockOperation operation, const BlockLimits& limits) {
  if (operation == BlockOperation::kUnmap) return limits.unmapBlocks > 0;
  if (operation == BlockOperation::kCompareAndWrite) return limits.compareAndWriteBlocks > 0;
  return true;
}

AccessFence::Access accessOf(BlockOperation operation) {
  const bool reads = operation == BlockOperation::kRead || operation == BlockOperation::kVerify;
  return reads ? AccessFence::Access::kRead : AccessFence::Access::kWrite;
}

std::variant<BlockCommand, Sense> decodeBlockCommand(const Cdb& cdb, const BlockLimits& limits,
                                                     uint64_t capacity) {
  const Form form = formOf(cdb);
  const uint8_t control = form.size - 1;
  if (cdb[control] & kNormalAca) return sense::invalidCdbField(control, 2);

  BlockCommand command{.operation = *blockOperationOf(cdb[0])};
  if (command.operation == BlockOperation::kUnmap) {
    if (cdb[1] & kAnchorOfUnmap) return sense::invalidCdbField(1, 0);
    command.parameterListLength = static_cast<uint32_t>(loadBigEndian(&cdb[7], 2));
    return command;
  }

  command.lba = loadBigEndian(&cdb[form.lba], form.lbaSize);
  command.blocks = loadBigEndian(&cdb[form.count], form.countSize);
  const bool isShort = form.size == 6;
  if (isShort) {
    command.lba &= 0x1f'ffff;
    if (command.blocks == 0) command.blocks = 256;
  }
  const bool isSync = command.operation == BlockOperation::kSynchronizeCache;
  if (!isShort && !isSync && (cdb[1] & kProtect)) return sense::invalidCdbField(1, 7);

  if (command.operation == BlockOperation::kWriteSame) {
    command.unmap = (cdb[1] & kUnmapBit) != 0;
    if (auto refusal = checkWriteSame(cdb, form, command, limits)) return *refusal;
  } else if (command.operation == BlockOperation::kVerify ||
             command.operation == BlockOperation::kWriteAndVerify) {
    const uint8_t byteCheck = cdb[1] & kByteCheck;
    if (byteCheck != 0 && byteCheck != kCompareAll) return sense::invalidCdbField(1, 2);
    command.compare = byteCheck == kCompareAll;
  } else if (!isShort && !isSync) {
    command.forceUnitAccess = (cdb[1] & kForceUnitAccess) != 0;
  }
  if (command.operation == BlockOperation::kCompareAndWrite &&
      command.blocks > limits.compareAndWriteBlocks)
    return sense::invalidCdbField(form.count);
  if (auto refusal = beyondEnd(command.lba, command.blocks, capacity)) return *refusal;
  return command;
}

std::optional<Sense> beyondEnd(uint64_t lba, uint64_t blocks, uint64_t capacity) {
  if (lba <= capacity && blocks <= capacity - lba) return {};
  return sense::lbaOutOfRange(std::max(lba, capacity));
}

}  // namespace holdfast::scsi
