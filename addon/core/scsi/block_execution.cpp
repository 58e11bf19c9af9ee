#include "core/scsi/block_execution.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/io/iovec.h"
#include "core/scsi/big_endian.h"
#include "core/scsi/blocking_calls.h"

namespace holdfast::scsi {
namespace {

/// UNMAP parameter list (SBC-3, 5.28.2).
constexpr size_t kUnmapHeaderSize = 8;
constexpr size_t kUnmapDescriptorSize = 16;

using Outcome = std::optional<CommandOutcome>;

std::optional<Sense> protectionOf(const LogicalUnit& unit, BlockOperation operation) {
  // Nothing is dirty on a read-only disk, so writing the cache out is no write to it.
  if (accessOf(operation) == AccessFence::Access::kRead ||
      operation == BlockOperation::kSynchronizeCache)
    return {};
  if (unit.disk().readOnly()) return sense::kWriteProtected;
  if (unit.settings().softwareWriteProtect) return sense::kSoftwareWriteProtected;
  return {};
}

/// Data the command takes from the guest, or gives it, bytes.
uint64_t transferSizeOf(const BlockCommand& command, const LogicalUnit& unit) {
  switch (command.operation) {
    case BlockOperation::kRead:
    case BlockOperation::kWrite:
    case BlockOperation::kWriteAndVerify:
      return unit.bytesOf(command.blocks);
    case BlockOperation::kSynchronizeCache:
      return 0;
    case BlockOperation::kUnmap:
      return command.parameterListLength;
    case BlockOperation::kWriteSame:
      return unit.blockSize();
    case BlockOperation::kVerify:
      return command.compare ? unit.bytesOf(command.blocks) : 0;
    case BlockOperation::kCompareAndWrite:
      break;
  }
  return unit.bytesOf(2 * command.blocks);  // what is expected, then what replaces it
}

Outcome prepareTransfer(ScsiRequest& request, IoKind kind) {
  virtio::GuestBuffer& data = kind == IoKind::kRead ? request.dataIn : request.dataOut;
  if (request.transferSize == 0) return ended(ScsiStatus::kGood);
  request.iov = data.iov;
  request.iovCount = data.count;
  truncate(request.iov, request.iovCount, request.transferSize);
  request.length = request.transferSize;
  request.offset = request.unit->unit->bytesOf(request.command.lba);
  request.throughCache = kind == IoKind::kWrite && request.command.forceUnitAccess;
  request.syncFirst = kind == IoKind::kRead && request.command.forceUnitAccess &&
                      !request.unit->unit->disk().readOnly();
  request.kind = request.syncFirst ? IoKind::kSync : kind;
  return {};
}

Outcome prepareSynchronizeCache(ScsiRequest& request) {
  if (request.unit->unit->disk().readOnly()) return ended(ScsiStatus::kGood);
  request.kind = IoKind::kSync;
  return {};
}

/// Fills `ranges` from the descriptors; the Sense says what is wrong with them.
std::optional<Sense> decodeUnmapDescriptors(std::span<const uint8_t> descriptors,
                                            const LogicalUnit& unit, std::vector<IoRange>& ranges) {
  uint64_t total = 0;
  for (size_t at = 0; at < descriptors.size(); at += kUnmapDescriptorSize) {
    const uint64_t lba = loadBigEndian(&descriptors[at], 8);
    const uint64_t blocks = loadBigEndian(&descriptors[at + 8], 4);
    if (auto refusal = beyondEnd(lba, blocks, unit.blocks())) return refusal;
    total += blocks;
    if (total > unit.limits().unmapBlocks)
      return sense::invalidParameterField(static_cast<uint16_t>(kUnmapHeaderSize + at + 8));
    if (blocks > 0) ranges.push_back({unit.bytesOf(lba), unit.bytesOf(blocks)});
  }
  return {};
}

Outcome prepareUnmap(ScsiRequest& request) {
  const LogicalUnit& unit = *request.unit->unit;
  const size_t length = request.command.parameterListLength;
  if (length == 0) return ended(ScsiStatus::kGood);
  if (length < kUnmapHeaderSize) return checkCondition(sense::kParameterListLengthError);

  virtio::GuestBuffer& list = request.dataOut;
  std::array<uint8_t, kUnmapHeaderSize> header;
  gather(list.iov, list.count, reinterpret_cast<std::byte*>(header.data()), header.size());
  advance(list.iov, list.count, header.size());
  // A last descriptor that isn't complete is ignored (5.28.2).
  const size_t said = static_cast<size_t>(loadBigEndian(&header[2], 2));
  const size_t count = std::min(said, length - kUnmapHeaderSize) / kUnmapDescriptorSize;
  if (count > unit.limits().unmapDescriptors)
    return checkCondition(sense::invalidParameterField(2));

  std::vector<uint8_t> descriptors(count * kUnmapDescriptorSize);
  gather(list.iov, list.count, reinterpret_cast<std::byte*>(descriptors.data()),
         descriptors.size());
  request.scratch = std::make_unique<BlockScratch>();
  std::vector<IoRange>& ranges = request.scratch->ranges;
  if (auto refusal = decodeUnmapDescriptors(descriptors, unit, ranges))
    return checkCondition(*refusal);
  if (ranges.empty()) return CommandOutcome{.transferred = request.transferSize};
  request.kind = IoKind::kDiscard;
  request.ranges = ranges.data();
  request.rangeCount = static_cast<uint32_t>(ranges.size());
  return {};
}

void takeBlocks(ScsiRequest& request) {
  request.scratch = std::make_unique<BlockScratch>();
  std::vector<std::byte>& blocks = request.scratch->blocks;
  blocks.resize(request.transferSize);
  gather(request.dataOut.iov, request.dataOut.count, blocks.data(), blocks.size());
}

Outcome prepareWriteSame(ScsiRequest& request) {
  const LogicalUnit& unit = *request.unit->unit;
  const BlockCommand& command = request.command;
  takeBlocks(request);
  const std::vector<std::byte>& block = request.scratch->blocks;
  request.offset = unit.bytesOf(command.lba);
  request.length = unit.bytesOf(command.blocks);
  const bool zeros =
      std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; });
  if (!zeros) {
    request.kind = IoKind::kBlockingCall;
    request.blockingCall = writeSame;
    return {};
  }
  request.kind = IoKind::kWriteZeroes;
  request.mayUnmap = command.unmap;
  request.range = {request.offset, request.length};
  request.ranges = &request.range;
  request.rangeCount = 1;
  return {};
}

Outcome prepareCompareAndWrite(ScsiRequest& request) {
  if (request.transferSize == 0) return ended(ScsiStatus::kGood);
  takeBlocks(request);
  request.offset = request.unit->unit->bytesOf(request.command.lba);
  request.kind = IoKind::kBlockingCall;
  request.blockingCall = compareAndWrite;
  return {};
}

/// Without a comparison VERIFY has nothing to do: the medium needs no check of its own.
Outcome prepareVerify(ScsiRequest& request, int (*call)(IoRequest&)) {
  if (request.transferSize == 0) return ended(ScsiStatus::kGood);
  request.iov = request.dataOut.iov;
  request.iovCount = request.dataOut.count;
  request.offset = request.unit->unit->bytesOf(request.command.lba);
  request.length = request.transferSize;
  request.kind = IoKind::kBlockingCall;
  request.blockingCall = call;
  return {};
}

CommandOutcome outcomeOfError(const ScsiRequest& request, int error) {
  switch (error) {
    case -EBADE:  // the disk is a reserved SCSI disk itself
      return ended(ScsiStatus::kReservationConflict);
    case -EAGAIN:
    case -ENOMEM:  // of this host, and it may pass
      return ended(ScsiStatus::kBusy);
    case -ENOSPC:
      return checkCondition(sense::kSpaceAllocationFailed);
    case kMiscompare:
      return checkCondition(request.command.operation == BlockOperation::kCompareAndWrite
                                ? sense::miscompare(request.scratch->mismatch)
                                : sense::kMiscompare);
    case -EIO:
    case -ENODATA:
    case -EILSEQ:
      return checkCondition(accessOf(request.command.operation) == AccessFence::Access::kRead
                                ? sense::kUnrecoveredReadError
                                : sense::kWriteError);
    default:
      return checkCondition(sense::kInternalTargetFailure);
  }
}

}  // namespace

Outcome prepareBlockCommand(ScsiRequest& request) {
  const LogicalUnit& unit = *request.unit->unit;
  const auto decoded = decodeBlockCommand(request.header.cdb, unit.limits(), unit.blocks());
  if (const Sense* refusal = std::get_if<Sense>(&decoded)) return checkCondition(*refusal);
  request.command = *std::get_if<BlockCommand>(&decoded);
  const BlockOperation operation = request.command.operation;
  if (auto refusal = protectionOf(unit, operation)) return checkCondition(*refusal);
  if (!request.unit->usable) return checkCondition(sense::kInternalTargetFailure);

  request.transferSize = transferSizeOf(request.command, unit);
  const bool gives = operation == BlockOperation::kRead;
  if (request.transferSize > (gives ? request.dataIn : request.dataOut).size)
    return failed(Response::kOverrun);
  request.target = &unit.ioTarget();
  request.throughCache = false;
  request.syncFirst = false;
  switch (operation) {
    case BlockOperation::kRead:
      return prepareTransfer(request, IoKind::kRead);
    case BlockOperation::kWrite:
      return prepareTransfer(request, IoKind::kWrite);
    case BlockOperation::kSynchronizeCache:
      return prepareSynchronizeCache(request);
    case BlockOperation::kUnmap:
      return prepareUnmap(request);
    case BlockOperation::kWriteSame:
      return prepareWriteSame(request);
    case BlockOperation::kVerify:
      return prepareVerify(request, verify);
    case BlockOperation::kWriteAndVerify:
      return prepareVerify(request, writeAndVerify);
    case BlockOperation::kCompareAndWrite:
      break;
  }
  return prepareCompareAndWrite(request);
}

CommandOutcome outcomeOfBlockCommand(const ScsiRequest& request) {
  if (request.result != 0) return outcomeOfError(request, request.result);
  return {.transferred = request.transferSize};
}

}  // namespace holdfast::scsi
