#pragma once

#include <functional>
#include <memory>

#include "core/io/io_channel.h"
#include "core/memory/map_epoch.h"
#include "core/virtio/device_model.h"
#include "guest.h"

namespace holdfast::fuzz {

/// One queue of a device on the fuzzer's own thread, so that a run is the same each time: what a
/// queue worker does, without the worker.
class RingHarness {
 public:
  /// Where the ring's parts are: in the first two pages, so that small numbers hit them.
  static constexpr uint64_t kDescriptors = 0;
  static constexpr uint64_t kAvailable = 0x1000;
  static constexpr uint64_t kUsed = 0x1800;
  static constexpr uint16_t kRingSize = 64;
  /// Both positions at the start of the first lap.
  static constexpr uint32_t kPackedBase = 0x80008000;

  struct Options {
    /// Runs between two turns.
    std::function<void()> afterTurn = [] {};
    /// The queue's part of an inflight region, for kRingSize descriptors; may be null.
    std::shared_ptr<std::byte> inflight{};
    /// Of a split ring.
    uint16_t base = 0;
    /// To its disk: setting one up takes longer than most runs. Null: one of its own.
    std::shared_ptr<IoChannel> channel{};
  };

  /// Aborts where the ring can't be made, unless it was given a region: that may be damaged.
  RingHarness(Guest& guest, virtio::DeviceModel& model, uint16_t queueIndex, Options options)
      : afterTurn_(std::move(options.afterTurn)), queue_(queueIndex, counters_) {
    const RegionDescription description{.guestAddr = 0, .size = Guest::kMemorySize};
    auto region = MemoryRegion::map(description, guest.duplicate());
    if (!region) std::abort();
    auto map = MemoryMap().with(*region);
    if (!map) std::abort();
    epoch_ = std::make_unique<MapEpoch>(*map);
    channel_ = options.channel ? std::move(options.channel) : openChannel(model.engine());
    if (!model.open(*channel_)) std::abort();
    packed_ = model.negotiated(virtio::kFeaturePacked);
    const bool mayBeDamaged = options.inflight != nullptr;
    const Status attached =
        queue_.attach(*epoch_, {.addresses = {kDescriptors, kAvailable, kUsed},
                                .size = kRingSize,
                                .base = packed_ ? kPackedBase : options.base,
                                .inflight = std::move(options.inflight),
                                .inflightEntries = kRingSize,
                                .packed = packed_,
                                .eventIndex = model.negotiated(virtio::kFeatureEventIndex)});
    if (!attached) {
      if (mayBeDamaged) return;
      std::abort();
    }
    queue_.enable();
    auto handler = model.serve(queue_, *channel_);
    if (!handler) std::abort();
    handler_ = std::move(*handler);
  }

  static std::shared_ptr<IoChannel> openChannel(EngineKind kind) {
    auto channel = IoChannel::open(kind);
    if (!channel) std::abort();
    return std::move(*channel);
  }

  /// Everything that came of it has ended when this is gone.
  ~RingHarness() {
    if (!handler_) return;
    queue_.stopServing(0);
    handler_->giveUpWaiting();
    while (queue_.inFlight() > 0) turn();
    handler_.reset();
  }

  /// Serves what is in the ring until all of it has ended.
  void settle() {
    turn();
    while (inFlight() > 0) {
      channel_->sleep();
      turn();
    }
  }

  bool packed() const { return packed_; }
  /// Not if its inflight region was refused.
  bool serves() const { return handler_ != nullptr; }

  unsigned inFlight() const { return queue_.inFlight(); }
  bool broken() const { return queue_.broken(); }

  void turn() {
    if (queue_.serving()) handler_->serve(8);
    channel_->submit();
    IoRequest* completed[IoChannel::kReapBatch];
    const unsigned count = channel_->reap(completed);
    for (unsigned i = 0; i < count; ++i) completed[i]->owner->complete(*completed[i]);
    handler_->collect();
    queue_.publish();
    afterTurn_();
  }

 private:
  const std::function<void()> afterTurn_;
  bool packed_ = false;
  virtio::QueueCounters counters_;
  virtio::Virtqueue queue_;
  std::unique_ptr<MapEpoch> epoch_;
  std::shared_ptr<IoChannel> channel_;
  std::unique_ptr<virtio::QueueHandler> handler_;
};

}  // namespace holdfast::fuzz
