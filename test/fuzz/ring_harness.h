#pragma once

#include <functional>
#include <memory>

#include "core/io/io_channel.h"
#include "core/memory/map_epoch.h"
#include "core/virtio/device_model.h"
#include "core/virtio/ring_layout.h"
#include "guest.h"
#include "input.h"

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

  /// Aborts where the ring can't be made. `afterTurn` runs between two turns.
  RingHarness(
      Guest& guest, virtio::DeviceModel& model, uint16_t queueIndex,
      std::function<void()> afterTurn = [] {})
      : afterTurn_(std::move(afterTurn)), queue_(queueIndex, counters_) {
    const RegionDescription description{.guestAddr = 0, .size = Guest::kMemorySize};
    auto region = MemoryRegion::map(description, guest.duplicate());
    if (!region) std::abort();
    auto map = MemoryMap().with(*region);
    if (!map) std::abort();
    epoch_ = std::make_unique<MapEpoch>(*map);
    auto channel = IoChannel::open(model.engine());
    if (!channel) std::abort();
    channel_ = std::move(*channel);
    if (!model.open(*channel_)) std::abort();
    packed_ = model.negotiated(virtio::kFeaturePacked);
    if (!queue_.attach(*epoch_, {.addresses = {kDescriptors, kAvailable, kUsed},
                                 .size = kRingSize,
                                 .base = packed_ ? kPackedBase : 0,
                                 .packed = packed_,
                                 .eventIndex = model.negotiated(virtio::kFeatureEventIndex)}))
      std::abort();
    queue_.setEnabled(true);
    auto handler = model.serve(queue_, *channel_);
    if (!handler) std::abort();
    handler_ = std::move(*handler);
  }

  /// Everything that came of it has ended when this is gone.
  ~RingHarness() {
    queue_.stopServing();
    handler_->giveUpWaiting();
    while (queue_.inFlight() > 0) turn();
    handler_.reset();
  }

  bool packed() const { return packed_; }

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
  std::unique_ptr<IoChannel> channel_;
  std::unique_ptr<virtio::QueueHandler> handler_;
};

/// A driver that the input plays: it makes chains that are nearly right, and writes anything over
/// them.
class Driver {
 public:
  Driver(Input& input, Guest& guest) : input_(input), guest_(guest) {}

  void play(RingHarness& harness) {
    packed_ = harness.packed();
    for (int steps = 0; steps < 64 && !input_.empty(); ++steps) {
      switch (input_.take<uint8_t>() % 8) {
        case 0:
          guest_.write(input_.take<uint32_t>(), input_.takeBytes(input_.take<uint8_t>()));
          break;
        case 1:
          guest_.write(input_.upTo(0x1fff), input_.takeBytes(input_.upTo(16)));
          break;
        case 2:
          harness.turn();
          break;
        case 3:
          addChain(true);
          break;
        default:
          addChain(false);
      }
    }
    for (int turns = 0; turns < 16; ++turns) harness.turn();
  }

 private:
  static constexpr uint64_t kBuffers = 0x2000;
  static constexpr uint64_t kTables = 0x20000;

  /// A request of up to eight parts, most of them as a driver would have them.
  void addChain(bool indirect) {
    const auto count = static_cast<uint16_t>(1 + input_.upTo(7));
    if (packed_)
      addPacked(count, indirect);
    else
      addSplit(count, indirect);
  }

  void addSplit(uint16_t count, bool indirect) {
    using virtio::Descriptor;
    const uint16_t head = next_ % RingHarness::kRingSize;
    const uint64_t table = indirect ? tableOf(head) : RingHarness::kDescriptors;
    for (uint16_t part = 0; part < count; ++part) {
      const auto slot =
          static_cast<uint16_t>(indirect ? part : (head + part) % RingHarness::kRingSize);
      Descriptor descriptor = buffer();
      if (part + 1 < count) descriptor.flags |= Descriptor::kNext;
      descriptor.next = static_cast<uint16_t>(slot + 1);
      put(table + 16 * slot, descriptor);
    }
    if (indirect) {
      const uint64_t place = RingHarness::kDescriptors + 16 * head;
      put(place, Descriptor{table, 16U * count, Descriptor::kIndirect, 0});
    }
    next_ = static_cast<uint16_t>(next_ + (indirect ? 1 : count));
    put(RingHarness::kAvailable + 4 + 2 * (available_ % RingHarness::kRingSize), head);
    put(RingHarness::kAvailable + 2, ++available_);
  }

  void addPacked(uint16_t count, bool indirect) {
    using virtio::Descriptor;
    const uint16_t id = next_ % RingHarness::kRingSize;
    for (uint16_t part = 0; part < count; ++part) {
      Descriptor descriptor = buffer();
      if (indirect) {
        put(tableOf(id) + 16 * part, descriptor);
      } else {
        if (part + 1 < count) descriptor.flags |= Descriptor::kNext;
        putPacked(descriptor, id);
      }
    }
    if (indirect) putPacked({tableOf(id), 16U * count, Descriptor::kIndirect, 0}, id);
  }

  /// The next one of the ring, available in its lap.
  void putPacked(const virtio::Descriptor& descriptor, uint16_t id) {
    using virtio::PackedDescriptor;
    const bool firstLap = next_ / RingHarness::kRingSize % 2 == 0;
    const uint16_t lap = firstLap ? PackedDescriptor::kAvailable : PackedDescriptor::kUsed;
    put(RingHarness::kDescriptors + 16 * (next_ % RingHarness::kRingSize),
        PackedDescriptor{descriptor.guestAddr, descriptor.length, id,
                         static_cast<uint16_t>(descriptor.flags | lap)});
    ++next_;
  }

  static uint64_t tableOf(uint16_t head) { return kTables + uint64_t{head} * 256; }

  /// With what the device will read there.
  virtio::Descriptor buffer() {
    static constexpr uint32_t kLengths[] = {1, 16, 51, 108, 512, 4096, 12288, 65536};
    const auto choice = input_.take<uint8_t>();
    virtio::Descriptor descriptor{};
    descriptor.length = kLengths[choice & 7];
    descriptor.guestAddr = kBuffers + 512 * input_.upTo(0xff);
    if (choice & 8) descriptor.flags |= virtio::Descriptor::kWrite;
    if ((choice & 0xf0) == 0xf0) descriptor.length = input_.take<uint32_t>();
    if ((choice & 0xf0) == 0xe0) descriptor.guestAddr = input_.take<uint64_t>();
    if ((choice & 0xf0) == 0xd0) descriptor.flags = input_.take<uint16_t>();
    if (!(choice & 8)) guest_.write(descriptor.guestAddr, input_.takeBytes(input_.upTo(64)));
    return descriptor;
  }

  template <typename Value>
  void put(uint64_t address, const Value& value) {
    guest_.write(address, std::span(reinterpret_cast<const uint8_t*>(&value), sizeof value));
  }

  Input& input_;
  Guest& guest_;
  bool packed_ = false;
  uint16_t next_ = 0;
  uint16_t available_ = 0;
};

}  // namespace holdfast::fuzz
