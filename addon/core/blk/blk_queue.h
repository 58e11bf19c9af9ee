#pragma once

#include <memory>

#include "core/blk/blk_device.h"
#include "core/disk/fence_line.h"
#include "core/io/io_channel.h"
#include "core/mailbox/mailbox_port.h"
#include "core/virtio/virtqueue.h"

namespace holdfast::blk {

/// Turns one virtqueue's chains into operations on the disk and their results into statuses.
class BlkQueue final : public virtio::QueueHandler,
                       public IoOwner,
                       private MailboxClient,
                       private FenceClient {
 public:
  /// Most requests of one queue inside the kernel; a driver may have more in the ring.
  static constexpr unsigned kMaxInFlight = 256;

  /// `queue` is attached; all outlive this. Error: out of file descriptors.
  static Result<std::unique_ptr<virtio::QueueHandler>> create(virtio::Virtqueue& queue,
                                                              const BlkDevice& device,
                                                              IoChannel& channel);
  ~BlkQueue() override;

  unsigned serve(unsigned budget) override;
  bool wantsChains() const override { return free_ && channel_.hasRoom(); }
  unsigned collect() override;
  void giveUpWaiting() override;
  void complete(IoRequest& request) override;

 private:
  struct Slot : IoRequest, MailboxEntry, FenceEntry {
    Slot* nextFree = nullptr;
    MapEpoch* epoch = nullptr;
    uint32_t type = 0;
    uint64_t bytes = 0;  // of data, for the counters
    virtio::DescriptorChain chain;
    std::array<IoRange, BlkDevice::kMaxRanges> rangeStorage;
  };

  BlkQueue(virtio::Virtqueue& queue, const BlkDevice& device, IoChannel& channel);
  Status openPort();
  Status openLine();

  void begin(Slot& slot);
  uint8_t dispatch(Slot& slot, const RequestHeader& header);
  uint8_t readOrWrite(Slot& slot, uint64_t sector);
  uint8_t flush(Slot& slot);
  uint8_t getId(Slot& slot);
  uint8_t discardOrWriteZeroes(Slot& slot);
  uint8_t scsiCommand(Slot& slot);
  /// The status to go on with: kStatusIoError if the fence is closed.
  uint8_t start(Slot& slot, IoKind kind);

  void answered(MailboxEntry& entry, MailboxReply& reply) override;
  void timedOut(MailboxEntry& entry) override;
  void cutOff(MailboxEntry& entry) override;

  void released(FenceEntry& entry) override;
  void refused(FenceEntry& entry) override;
  void givenUp(FenceEntry& entry) override;

  void finish(Slot& slot, uint8_t status);
  void markWritten(Slot& slot);
  void count(const Slot& slot, uint8_t status);

  virtio::Virtqueue& queue_;
  const BlkDevice& device_;
  IoChannel& channel_;
  std::unique_ptr<MailboxPort> port_;  // null: no SCSI commands
  std::unique_ptr<FenceLine> line_;    // null: no fence
  std::unique_ptr<Slot[]> slots_;
  Slot* free_ = nullptr;
};

}  // namespace holdfast::blk
