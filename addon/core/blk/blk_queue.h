#pragma once

#include <memory>

#include "core/blk/blk_device.h"
#include "core/io/io_channel.h"
#include "core/virtio/virtqueue.h"

namespace holdfast::blk {

/// Turns one virtqueue's chains into operations on the disk and their results into statuses.
class BlkQueue final : public virtio::QueueHandler, public IoOwner {
 public:
  /// Most requests of one queue inside the kernel; a driver may have more in the ring.
  static constexpr unsigned kMaxInFlight = 256;

  /// `queue` is attached; all outlive this.
  BlkQueue(virtio::Virtqueue& queue, const BlkDevice& device, IoChannel& channel);

  unsigned serve(unsigned budget) override;
  bool wantsChains() const override { return free_ && channel_.hasRoom(); }
  void complete(IoRequest& request) override;

 private:
  struct Slot : IoRequest {
    Slot* nextFree = nullptr;
    MapEpoch* epoch = nullptr;
    uint32_t type = 0;
    uint64_t bytes = 0;  // of data, for the counters
    virtio::DescriptorChain chain;
    std::array<IoRange, BlkDevice::kMaxRanges> rangeStorage;
  };

  void begin(Slot& slot);
  uint8_t dispatch(Slot& slot, const RequestHeader& header);
  uint8_t readOrWrite(Slot& slot, uint64_t sector);
  uint8_t flush(Slot& slot);
  uint8_t getId(Slot& slot);
  uint8_t discardOrWriteZeroes(Slot& slot);
  void start(Slot& slot, IoKind kind);
  void finish(Slot& slot, uint8_t status);
  void count(const Slot& slot, uint8_t status);

  virtio::Virtqueue& queue_;
  const BlkDevice& device_;
  IoChannel& channel_;
  std::unique_ptr<Slot[]> slots_;
  Slot* free_ = nullptr;
};

}  // namespace holdfast::blk
