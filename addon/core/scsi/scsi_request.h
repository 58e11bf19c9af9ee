#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/disk/fence_line.h"
#include "core/io/io_request.h"
#include "core/mailbox/mailbox.h"
#include "core/memory/map_epoch.h"
#include "core/scsi/block_command.h"
#include "core/scsi/command_outcome.h"
#include "core/scsi/lun_address.h"
#include "core/scsi/scsi_protocol.h"
#include "core/scsi/unit_uses.h"
#include "core/virtio/descriptor_chain.h"
#include "core/virtio/guest_buffer.h"

namespace holdfast::scsi {

/// What the rarer commands need beside the request itself.
struct BlockScratch {
  std::vector<IoRange> ranges;    // UNMAP
  std::vector<std::byte> blocks;  // what the guest sent for WRITE SAME, COMPARE AND WRITE
  uint64_t mismatch = 0;          // COMPARE AND WRITE: offset of the first byte that differs
};

/// One command from its chain to its response. Framing goes by bytes, wherever the driver put the
/// boundaries of descriptors (virtio 1.4, 2.7.4).
struct ScsiRequest : IoRequest, MailboxEntry, FenceEntry {
  /// kFence: held there before it began; one that waits for a verdict is at kMedium.
  enum class Stage : uint8_t { kFree, kMailbox, kFence, kMedium };

  Stage stage = Stage::kFree;
  ScsiRequest* nextFree = nullptr;
  MapEpoch* epoch = nullptr;
  /// Ascends in the order in which the queue's chains were taken.
  uint64_t number = 0;
  /// kOk, or what a task management function has decided instead of what the medium says.
  Response cancelled = Response::kOk;
  RequestHeader header;
  LunAddress address;
  UnitUse* unit = nullptr;
  BlockCommand command;
  /// READ with FUA: the cache is written out first.
  bool syncFirst = false;
  /// Data the command moves on success, bytes.
  uint64_t transferSize = 0;
  IoRange range;  // WRITE SAME of zeros
  std::unique_ptr<BlockScratch> scratch;
  virtio::DescriptorChain chain;
  /// Set by frame(); what lies between header and end.
  virtio::GuestBuffer dataOut, dataIn;

  /// Copies the header out of the chain and finds the parts. False: the chain is flawed, or has no
  /// room for a header and a response.
  bool frame();

  /// Of the one data buffer that a request may have.
  uint64_t dataSize() const { return dataOut.size + dataIn.size; }

  /// Writes the response header. `senseData`: at most kSenseSize bytes. Data-in must be in place:
  /// the header may share a segment with it. Returns how many bytes were written.
  uint32_t respond(const CommandOutcome& outcome, std::span<const uint8_t> senseData);

 private:
  uint32_t responseSegments_ = 0;
  iovec responseEnd_{};  // the last of them, cut to what is the response's
};

}  // namespace holdfast::scsi
