#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "frontend/ring.h"

namespace holdfast::frontend {

/// An entry of a packed ring, or of an indirect table of such a ring (virtio 1.x, "Packed
/// Virtqueues").
struct PackedDescriptor {
  uint64_t guestAddr = 0;
  uint32_t size = 0;
  uint16_t id = 0;
  uint16_t flags = 0;
};
static_assert(sizeof(PackedDescriptor) == 16);

inline constexpr uint16_t kPackedAvailable = 1 << 7;
inline constexpr uint16_t kPackedUsed = 1 << 15;

/// What one side says of the notifications it wants.
struct EventSuppression {
  static constexpr uint16_t kEnable = 0;
  static constexpr uint16_t kDisable = 1;
  static constexpr uint16_t kDescriptor = 2;

  uint16_t position = 0;  // index, and the wrap counter in bit 15
  uint16_t flags = kEnable;
};

/// The driver's side of a packed virtqueue. Written apart from the back end's on purpose: positions
/// are counted here as descriptors since the beginning. The raw functions are for hostile drivers.
class PackedRing final : public Ring {
 public:
  /// Allocates and zeroes a ring of `size` descriptors (1 to 32768) in `memory`, which must outlive
  /// it. `eventIndex`: VIRTIO_F_EVENT_IDX is negotiated. Error: ENOMEM.
  static Result<PackedRing> create(GuestMemory& memory, uint16_t size, bool eventIndex);

  uint16_t size() const override { return size_; }
  const RingLayout& layout() const override { return layout_; }
  /// Both indices 0, both wrap counters 1.
  uint32_t initialBase() const override { return 0x80008000; }
  uint16_t freeDescriptors() const override { return freeCount_; }

  std::optional<uint16_t> add(std::span<const Buffer> chain) override;
  std::optional<uint16_t> addIndirect(std::span<const Buffer> chain, uint64_t table,
                                      void* tableHost) override;
  bool publish() override;

  std::optional<Used> pop() override;
  bool hasUsed() const override { return isUsed(nextUsed_); }
  uint16_t usedCount() const override;
  bool armInterrupt() override;
  void disarmInterrupt() override { tellDevice({0, EventSuppression::kDisable}); }

  /// Puts descriptors into the ring as they are, but for the two flags that make them available.
  /// The last one's id is the chain's: size() or more, or that of a chain that is in flight.
  void addRaw(std::span<const PackedDescriptor> chain);
  PackedDescriptor& descriptor(uint64_t position) { return descriptors_[position % size_]; }
  /// Puts any wish into the driver's event suppression.
  void tellDevice(EventSuppression wish);
  EventSuppression& driverEvent() { return *driverEvent_; }
  EventSuppression& deviceEvent() { return *deviceEvent_; }
  /// Descriptors made available and taken back since the beginning.
  uint64_t nextAvailable() const { return nextAvailable_; }
  uint64_t nextUsed() const { return nextUsed_; }
  /// As SET_VRING_BASE and event suppression have it.
  uint16_t encode(uint64_t position) const {
    return static_cast<uint16_t>(position % size_ | (wrapAt(position) ? 0x8000 : 0));
  }

 private:
  PackedRing(uint16_t size, bool eventIndex) : size_(size), eventIndex_(eventIndex) {}

  bool wrapAt(uint64_t position) const { return position / size_ % 2 == 0; }
  uint16_t availableFlags(uint64_t position) const {
    return wrapAt(position) ? kPackedAvailable : kPackedUsed;
  }
  uint16_t loadFlags(uint64_t position) const {
    return std::atomic_ref<uint16_t>(descriptors_[position % size_].flags)
        .load(std::memory_order_acquire);
  }
  bool isUsed(uint64_t position) const;
  std::optional<uint16_t> takeId(size_t descriptors);
  /// Writes the next descriptor; the first of all that wait for publish() stays without its flags.
  void put(PackedDescriptor descriptor);

  uint16_t size_;
  bool eventIndex_;
  RingLayout layout_;
  PackedDescriptor* descriptors_ = nullptr;
  EventSuppression* driverEvent_ = nullptr;
  EventSuppression* deviceEvent_ = nullptr;
  uint64_t nextAvailable_ = 0;
  uint64_t published_ = 0;
  uint64_t nextUsed_ = 0;
  uint16_t firstFlags_ = 0;  // of the descriptor at published_
  uint16_t freeCount_ = 0;
  std::vector<uint16_t> freeIds_;
  std::vector<uint16_t> chainLength_;  // by id, which may be any of 16 bits; 0: not in flight
};

}  // namespace holdfast::frontend
