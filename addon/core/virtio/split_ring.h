#pragma once

#include <atomic>
#include <cstdint>

#include "core/base/status.h"
#include "core/memory/dirty_log.h"
#include "core/memory/memory_map.h"
#include "core/virtio/chain_walker.h"
#include "core/virtio/descriptor_chain.h"
#include "core/virtio/ring_layout.h"
#include "core/virtio/ring_parameters.h"
#include "core/virtio/split_inflight.h"

namespace holdfast::virtio {

/// The device's side of one split virtqueue. One thread owns it. The rings are read in place;
/// everything the driver can change is read once per decision.
class SplitRing {
 public:
  /// Error: size not a power of two up to 32768, a part not inside one region, or misaligned;
  /// SplitInflight's.
  Status attach(const MemoryMap& map, const RingParameters& parameters);
  /// The same ring in another map, which it lies in.
  Status remap(const MemoryMap& map);
  /// Whether it lies in `map`; errors as of attach().
  Status checkWithin(const MemoryMap& map) const;

  uint32_t size() const { return size_; }
  /// GET_VRING_BASE.
  uint32_t base() const { return lastAvailable_; }

  bool hasAvailable() const { return available() != 0; }
  /// How many chains wait in the ring; more than its size if the driver's index ran ahead.
  uint32_t available() const { return waiting() + left_; }
  /// Whether at least `count` chains wait; an estimate that never blocks progress.
  bool hasBacklog(uint16_t count) const { return available() >= count; }

  /// Takes the next chain. kBroken: the available index ran ahead of the ring or a head is beyond
  /// it.
  Pop pop(const MemoryMap& map, DescriptorChain& chain);

  /// Writes a used element; invisible to the driver until publish().
  void push(const DescriptorChain& chain, uint32_t length) {
    UsedElement& element = used_->ring[nextUsed_ & (size_ - 1)];
    element.id = chain.id;
    element.length = length;
    ++nextUsed_;
    if (inflight_) inflight_->end(chain.id);
  }
  /// Shows what was pushed to a driver that looks.
  void publish() {
    if (inflight_) inflight_->announceBatch();
    std::atomic_ref<uint16_t>(used_->index).store(nextUsed_, std::memory_order_release);
    if (inflight_) inflight_->commitBatch(nextUsed_);
  }
  /// How many elements the driver was not interrupted for or asked about yet.
  uint16_t unsignalled() const { return static_cast<uint16_t>(nextUsed_ - signalledUsed_); }
  /// Whether the driver wants an interrupt for what is published; it is asked once per element.
  bool wantsInterrupt();

  /// Asks for a kick at the next available entry. Check hasAvailable() again afterwards.
  void requestKick();
  /// No kicks wanted while we look anyway.
  void suppressKick();

  /// Marks all that the device may have written to; `logAddr` stands for the used ring's address
  /// (vhost-user.rst, "Migration").
  void mark(const DirtyLog& log, const MemoryMap&, uint64_t logAddr) const {
    log.mark(logAddr, usedRingBytes(size_));
  }

 private:
  struct Parts {
    std::byte* descriptors;
    std::byte* available;
    std::byte* used;
  };
  Result<Parts> locate(const MemoryMap& map) const;

  uint16_t waiting() const {
    const auto index = std::atomic_ref<uint16_t>(available_->index).load(std::memory_order_acquire);
    return static_cast<uint16_t>(index - lastAvailable_);
  }
  Status resume(const RingParameters& parameters);
  uint16_t& usedEvent() const { return available_->ring[size_]; }

  Descriptor* descriptors_ = nullptr;
  AvailableRing* available_ = nullptr;
  UsedRing* used_ = nullptr;
  uint16_t* availableEvent_ = nullptr;  // behind the used ring's last element
  RingAddresses addresses_;
  uint32_t size_ = 0;
  uint16_t lastAvailable_ = 0;
  uint16_t nextUsed_ = 0;
  uint16_t signalledUsed_ = 0;
  /// Null: nobody keeps notes for us.
  std::unique_ptr<SplitInflight> inflight_;
  std::shared_ptr<std::byte> inflightMemory_;
  uint32_t left_ = 0;  // chains that a back end before us took, and that weren't served yet
  bool eventIndex_ = false;
  bool signalAlways_ = false;
  uint32_t cachedRegion_ = 0;
};

}  // namespace holdfast::virtio
