#include "core/blk/blk_queue.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/blk/scsi_command.h"
#include "core/io/iovec.h"

namespace holdfast::blk {
namespace {

/// dispatch() handed the request to the disk: its status comes later.
constexpr uint8_t kPending = 0xff;

}  // namespace

Result<std::unique_ptr<virtio::QueueHandler>> BlkQueue::create(virtio::Virtqueue& queue,
                                                               const BlkDevice& device,
                                                               IoChannel& channel) {
  std::unique_ptr<BlkQueue> handler(new BlkQueue(queue, device, channel));
  if (Status opened = handler->openPort(); !opened) return opened.error();
  if (Status opened = handler->openLine(); !opened) return opened.error();
  return std::unique_ptr<virtio::QueueHandler>(std::move(handler));
}

BlkQueue::BlkQueue(virtio::Virtqueue& queue, const BlkDevice& device, IoChannel& channel)
    : queue_(queue), device_(device), channel_(channel) {
  const unsigned count = std::min(kMaxInFlight, queue.ring().size());
  slots_ = std::make_unique_for_overwrite<Slot[]>(count);
  for (unsigned i = count; i-- > 0;) {
    slots_[i].owner = this;
    slots_[i].target = &device_.target();
    slots_[i].nextFree = free_;
    free_ = &slots_[i];
  }
}

BlkQueue::~BlkQueue() {
  if (line_) line_->part(*device_.fence());
}

Status BlkQueue::openPort() {
  if (!device_.mailbox()) return {};
  port_ = std::make_unique<MailboxPort>(*device_.mailbox(), static_cast<MailboxClient&>(*this),
                                        channel_);
  return port_->open();
}

Status BlkQueue::openLine() {
  if (!device_.fence()) return {};
  line_ = std::make_unique<FenceLine>(static_cast<FenceClient&>(*this), channel_);
  line_->join(*device_.fence());
  return line_->open();
}

unsigned BlkQueue::serve(unsigned budget) {
  unsigned served = 0;
  while (served < budget && wantsChains() && queue_.pop(free_->chain)) {
    Slot& slot = *free_;
    free_ = slot.nextFree;
    begin(slot);
    ++served;
  }
  return served;
}

unsigned BlkQueue::collect() {
  const int64_t giveUpAt = queue_.giveUpAt();
  return (port_ ? port_->collect(giveUpAt) : 0) + (line_ ? line_->collect(giveUpAt) : 0);
}

void BlkQueue::giveUpWaiting() {
  if (line_) line_->giveUp();
}

void BlkQueue::begin(Slot& slot) {
  slot.epoch = queue_.begin();
  slot.type = kPending;
  slot.bounced = false;
  slot.bytes = 0;
  virtio::DescriptorChain& chain = slot.chain;
  RequestHeader header;
  const bool hasHeader =
      gather(chain.readable(), chain.readableCount, reinterpret_cast<std::byte*>(&header),
             sizeof header) == sizeof header;
  if (chain.malformed || !hasHeader || !chain.lastWritable) {
    finish(slot, kStatusIoError);
    return;
  }
  slot.type = header.type;
  const uint8_t status = dispatch(slot, header);
  if (status != kPending) finish(slot, status);
}

uint8_t BlkQueue::dispatch(Slot& slot, const RequestHeader& header) {
  switch (header.type) {
    case kTypeIn:
    case kTypeOut:
      return readOrWrite(slot, header.sector);
    case kTypeFlush:
      return flush(slot);
    case kTypeGetId:
      return getId(slot);
    case kTypeDiscard:
    case kTypeWriteZeroes:
      return discardOrWriteZeroes(slot);
    case kTypeScsiCommand:
    case kTypeScsiCommandOut:
      return scsiCommand(slot);
    default:
      return kStatusUnsupported;
  }
}

uint8_t BlkQueue::readOrWrite(Slot& slot, uint64_t sector) {
  virtio::DescriptorChain& chain = slot.chain;
  const bool write = slot.type == kTypeOut;
  if (write && device_.readOnly()) return kStatusIoError;
  if (write) {
    slot.length = chain.readableBytes - sizeof(RequestHeader);
    slot.iov = chain.readable();
    slot.iovCount = chain.readableCount;
    advance(slot.iov, slot.iovCount, sizeof(RequestHeader));
  } else {
    slot.length = chain.writableBytes - 1;
    slot.iov = chain.writable();
    slot.iovCount = chain.writableCount();
    // The status byte is the last writable one, wherever the driver put the boundaries (2.7.4).
    if (--slot.iov[slot.iovCount - 1].iov_len == 0) --slot.iovCount;
  }
  if (!device_.accepts(sector, slot.length)) return kStatusIoError;
  if (slot.length == 0) return kStatusOk;
  slot.offset = sector * kSectorSize;
  slot.bytes = slot.length;
  return start(slot, write ? IoKind::kWrite : IoKind::kRead);
}

uint8_t BlkQueue::flush(Slot& slot) {
  // Nothing is dirty on a read-only disk, and its descriptor may not allow a sync.
  if (device_.readOnly()) return kStatusOk;
  return start(slot, IoKind::kSync);
}

uint8_t BlkQueue::getId(Slot& slot) {
  virtio::DescriptorChain& chain = slot.chain;
  const size_t room = chain.writableBytes - 1;
  scatter(chain.writable(), chain.writableCount(),
          reinterpret_cast<const std::byte*>(device_.id().data()), std::min<size_t>(room, kIdSize));
  return kStatusOk;
}

uint8_t BlkQueue::discardOrWriteZeroes(Slot& slot) {
  const bool discard = slot.type == kTypeDiscard;
  if (!device_.negotiated(discard ? kFeatureDiscard : kFeatureWriteZeroes))
    return kStatusUnsupported;
  if (device_.readOnly()) return kStatusIoError;

  virtio::DescriptorChain& chain = slot.chain;
  std::array<DiscardSegment, BlkDevice::kMaxRanges> segments;
  const size_t size = chain.readableBytes - sizeof(RequestHeader);
  if (size == 0 || size % sizeof(DiscardSegment) != 0 || size > sizeof segments)
    return kStatusIoError;
  iovec* iov = chain.readable();
  uint32_t iovCount = chain.readableCount;
  advance(iov, iovCount, sizeof(RequestHeader));
  gather(iov, iovCount, reinterpret_cast<std::byte*>(segments.data()), size);

  slot.rangeCount = static_cast<uint32_t>(size / sizeof(DiscardSegment));
  slot.ranges = slot.rangeStorage.data();
  slot.mayUnmap = true;
  for (uint32_t i = 0; i < slot.rangeCount; ++i) {
    const DiscardSegment& segment = segments[i];
    // 5.2.6.2: unmap is for write zeroes only, all other flag bits are reserved.
    if (segment.flags & ~(discard ? 0 : DiscardSegment::kUnmap)) return kStatusUnsupported;
    const uint64_t length = segment.sectorCount * kSectorSize;
    if (segment.sectorCount > BlkDevice::kMaxRangeSectors ||
        !device_.accepts(segment.sector, length))
      return kStatusIoError;
    if (!(segment.flags & DiscardSegment::kUnmap)) slot.mayUnmap = false;
    slot.rangeStorage[i] = {segment.sector * kSectorSize, length};
    slot.bytes += length;
  }
  if (slot.bytes == 0) return kStatusOk;
  return start(slot, discard ? IoKind::kDiscard : IoKind::kWriteZeroes);
}

uint8_t BlkQueue::scsiCommand(Slot& slot) {
  if (!port_ || !device_.negotiated(kFeatureScsi)) return kStatusUnsupported;
  const auto command = ScsiCommand::decode(slot.chain);
  if (!command) return kStatusIoError;
  if (port_->post(slot, command->message, command->dataOut.iov, command->dataOut.count))
    return kPending;
  ScsiCommand::reply(slot.chain, scsi::ended(scsi::ScsiStatus::kTaskSetFull));
  return kStatusOk;
}

uint8_t BlkQueue::start(Slot& slot, IoKind kind) {
  using Entry = AccessFence::Entry;
  const auto access =
      kind == IoKind::kRead ? AccessFence::Access::kRead : AccessFence::Access::kWrite;
  slot.kind = kind;
  slot.throughCache = kind != IoKind::kRead && device_.writeThrough();
  const Entry entry =
      line_ ? line_->enter(slot, *device_.fence(), queue_.index(), access) : Entry::kPassed;
  if (entry == Entry::kConflict) return kStatusIoError;
  if (entry == Entry::kPassed) channel_.start(slot);
  return kPending;
}

void BlkQueue::answered(MailboxEntry& entry, MailboxReply& reply) {
  auto& slot = static_cast<Slot&>(entry);
  if (reply.natively)  // there are requests of this device's own to move data with
    ScsiCommand::reply(slot.chain, scsi::checkCondition(scsi::sense::kInvalidCommandOperationCode));
  else
    ScsiCommand::reply(slot.chain, reply);
  finish(slot, kStatusOk);
}

void BlkQueue::timedOut(MailboxEntry& entry) {
  auto& slot = static_cast<Slot&>(entry);
  ScsiCommand::reply(slot.chain, scsi::checkCondition(scsi::sense::kCommunicationTimeout));
  finish(slot, kStatusOk);
}

void BlkQueue::cutOff(MailboxEntry& entry) {
  auto& slot = static_cast<Slot&>(entry);
  ScsiCommand::reply(slot.chain, scsi::ended(scsi::ScsiStatus::kBusy));
  finish(slot, kStatusOk);
}

void BlkQueue::released(FenceEntry& entry) {
  auto& slot = static_cast<Slot&>(entry);
  slot.metConflict ? channel_.startAgain(slot) : channel_.start(slot);
}

void BlkQueue::refused(FenceEntry& entry) {
  finish(static_cast<Slot&>(entry), kStatusIoError);
}

void BlkQueue::givenUp(FenceEntry& entry) {
  finish(static_cast<Slot&>(entry), kStatusIoError);
}

void BlkQueue::complete(IoRequest& request) {
  auto& slot = static_cast<Slot&>(request);
  if (slot.result == -EBADE && line_ && line_->awaitVerdict(slot)) return;
  finish(slot, slot.result == 0 ? kStatusOk : kStatusIoError);
}

void BlkQueue::finish(Slot& slot, uint8_t status) {
  uint32_t written = 0;
  if (slot.chain.lastWritable) {
    *slot.chain.lastWritable = std::byte{status};
    written = static_cast<uint32_t>(std::min<uint64_t>(slot.chain.writableBytes, UINT32_MAX));
  }
  if (queue_.logsBuffers()) [[unlikely]]
    markWritten(slot);
  count(slot, status);
  if (slot.pass.inside) device_.fence()->leave(slot.pass);
  queue_.finish(*slot.epoch, slot.chain, written);
  slot.nextFree = free_;
  free_ = &slot;
}

/// All that the device may write: whether it did tells no field of the request.
void BlkQueue::markWritten(Slot& slot) {
  virtio::DescriptorChain& chain = slot.chain;
  queue_.markWritten(*slot.epoch, chain.writable(), chain.writableCount(), UINT64_MAX);
  // readOrWrite() has cut it off the last buffer.
  const iovec status{chain.lastWritable, chain.lastWritable ? 1U : 0U};
  queue_.markWritten(*slot.epoch, &status, 1, 1);
}

void BlkQueue::count(const Slot& slot, uint8_t status) {
  virtio::QueueCounters& counters = queue_.counters();
  counters.requests.add();
  if (slot.bounced) counters.bounced.add();
  if (status != kStatusOk) {
    counters.failed.add();
    return;
  }
  if (slot.type == kTypeIn) counters.readBytes.add(slot.bytes);
  if (slot.type == kTypeOut) counters.writtenBytes.add(slot.bytes);
  if (slot.type == kTypeFlush) counters.flushes.add();
  if (slot.type == kTypeDiscard) counters.discards.add();
}

}  // namespace holdfast::blk
