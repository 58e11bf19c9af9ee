#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

#include "core/base/status.h"
#include "core/memory/dirty_log.h"
#include "core/memory/memory_map.h"
#include "core/virtio/chain_walker.h"
#include "core/virtio/descriptor_chain.h"
#include "core/virtio/packed_inflight.h"
#include "core/virtio/packed_position.h"
#include "core/virtio/ring_layout.h"
#include "core/virtio/ring_parameters.h"

namespace holdfast::virtio {

/// The device's side of one packed virtqueue (virtio 1.4, 2.8). One thread owns it. Descriptors are
/// read in place; everything the driver can change is read once per decision.
class PackedRing {
 public:
  /// Error: no descriptors or more than 32768, a position outside the ring, a part not inside one
  /// region, or misaligned; PackedInflight's.
  Status attach(const MemoryMap& map, const RingParameters& parameters);
  /// The same ring in another map, which it lies in.
  Status remap(const MemoryMap& map);
  /// Whether it lies in `map`; errors as of attach().
  Status checkWithin(const MemoryMap& map) const;

  uint32_t size() const { return size_; }
  /// GET_VRING_BASE.
  uint32_t base() const {
    return available_.encode() | static_cast<uint32_t>(used_.encode()) << 16;
  }

  bool hasAvailable() const { return left_ > 0 || isAvailable(available_); }
  /// How many chains wait in the ring: looks at each of their descriptors.
  uint32_t available() const;
  /// Whether about `count` descriptors wait.
  bool hasBacklog(uint16_t count) const;

  /// Takes the next chain. kBroken: it has no end within what the device doesn't hold already.
  Pop pop(const MemoryMap& map, DescriptorChain& chain);

  /// Writes a used descriptor; invisible to the driver until publish().
  void push(const DescriptorChain& chain, uint32_t length);
  /// Shows what was pushed to a driver that looks.
  void publish();
  /// How many chains the driver was not interrupted for or asked about yet.
  uint32_t unsignalled() const { return unsignalled_; }
  /// Whether the driver wants an interrupt for what is published; it is asked once per chain.
  bool wantsInterrupt();

  /// Asks for a kick at the next available descriptor. Check hasAvailable() again afterwards.
  void requestKick();
  /// No kicks wanted while we look anyway.
  void suppressKick() { tellDriver({.flags = EventSuppression::kDisable}); }

  /// Marks all that the device may have written to, where it is in `map`: the one log address that
  /// a front end gives can't stand for both parts.
  void mark(const DirtyLog& log, const MemoryMap& map, uint64_t logAddr) const;

 private:
  struct Parts {
    std::byte* descriptors;
    std::byte* driverEvent;
    std::byte* deviceEvent;
  };
  Result<Parts> locate(const MemoryMap& map) const;
  /// Whether the ring is as its driver made it.
  bool neverUsed() const;
  Status resume(const RingParameters& parameters);
  Pop popLeft(const MemoryMap& map, DescriptorChain& chain);

  std::atomic_ref<uint16_t> flagsAt(const PackedPosition& position) const {
    return std::atomic_ref<uint16_t>(descriptors_[position.index].flags);
  }
  bool isAvailable(const PackedPosition& position) const {
    const uint16_t flags = flagsAt(position).load(std::memory_order_acquire);
    return (flags & PackedPosition::kFlags) == position.availableFlags();
  }
  void tellDriver(EventSuppression wish) {
    std::atomic_ref<uint32_t>(*deviceEvent_)
        .store(std::bit_cast<uint32_t>(wish), std::memory_order_relaxed);
  }

  PackedDescriptor* descriptors_ = nullptr;
  uint32_t* driverEvent_ = nullptr;
  uint32_t* deviceEvent_ = nullptr;
  RingAddresses addresses_;
  uint32_t size_ = 0;
  PackedPosition available_;
  PackedPosition used_;
  uint32_t held_ = 0;  // descriptors that the driver sees as the device's
  /// The driver looks in order: while this one's flags are missing it sees none behind.
  PackedPosition firstUnpublished_;
  uint16_t firstFlags_ = 0;
  uint32_t unpublished_ = 0;  // descriptors
  uint32_t unsignalled_ = 0;  // chains
  uint32_t unsignalledDescriptors_ = 0;
  /// Null: nobody keeps notes for us.
  std::unique_ptr<PackedInflight> inflight_;
  std::shared_ptr<std::byte> inflightMemory_;
  uint32_t left_ = 0;  // chains that a back end before us took, and that weren't served yet
  bool eventIndex_ = false;
  bool signalAlways_ = false;
  uint32_t cachedRegion_ = 0;
};

}  // namespace holdfast::virtio
