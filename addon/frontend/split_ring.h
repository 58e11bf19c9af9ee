#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "frontend/ring.h"

namespace holdfast::frontend {

struct UsedElement {
  uint32_t id = 0;
  uint32_t size = 0;
};

inline constexpr uint16_t kAvailableNoInterrupt = 1;
inline constexpr uint16_t kUsedNoNotify = 1;

/// The driver's side of a split virtqueue (virtio 1.x, "Split Virtqueues"). The raw accessors
/// reach every field, for a hostile driver.
class SplitRing final : public Ring {
 public:
  /// Allocates and zeroes a ring of `size` descriptors (a power of two up to 32768) in `memory`,
  /// which must outlive it. `eventIndex`: VIRTIO_F_EVENT_IDX is negotiated.
  static Result<SplitRing> create(GuestMemory& memory, uint16_t size, bool eventIndex);

  uint16_t size() const override { return size_; }
  const RingLayout& layout() const override { return layout_; }
  uint32_t initialBase() const override { return 0; }
  uint16_t freeDescriptors() const override { return freeCount_; }

  std::optional<uint16_t> add(std::span<const Buffer> chain) override;
  std::optional<uint16_t> addIndirect(std::span<const Buffer> chain, uint64_t table,
                                      void* tableHost) override;
  /// Puts any number into the next slot of the available ring; takes no descriptor.
  void addHead(uint16_t head);
  bool publish() override;

  std::optional<Used> pop() override;
  bool hasUsed() const override { return loadUsedIndex() != lastUsed_; }
  uint16_t usedCount() const override { return static_cast<uint16_t>(loadUsedIndex() - lastUsed_); }
  bool armInterrupt() override;
  /// With EVENT_IDX there is nothing to do: an interrupt once given isn't repeated before
  /// armInterrupt().
  void disarmInterrupt() override;

  // Raw access.
  Descriptor& descriptor(uint16_t index) { return descriptors_[index]; }
  uint16_t& availableFlags() { return available_[0]; }
  uint16_t& availableIndex() { return available_[1]; }
  uint16_t& availableEntry(uint16_t slot) { return available_[2 + slot]; }
  uint16_t& usedEvent() { return available_[2 + size_]; }
  uint16_t& usedFlags() { return used_[0]; }
  uint16_t& usedIndex() { return used_[1]; }
  UsedElement& usedEntry(uint16_t slot) { return reinterpret_cast<UsedElement*>(used_ + 2)[slot]; }
  uint16_t& availableEvent() { return used_[2 + size_ * 4]; }
  /// What publish() will show, and how far pop() has come.
  uint16_t nextAvailable() const { return nextAvailable_; }
  uint16_t lastUsed() const { return lastUsed_; }
  uint16_t loadUsedIndex() const {
    return std::atomic_ref<uint16_t>(used_[1]).load(std::memory_order_acquire);
  }

 private:
  SplitRing(uint16_t size, bool eventIndex) : size_(size), eventIndex_(eventIndex) {}

  /// False if `id` is not the head of a chain of ours.
  bool freeChain(uint32_t id);

  uint16_t size_;
  bool eventIndex_;
  RingLayout layout_;
  Descriptor* descriptors_ = nullptr;
  uint16_t* available_ = nullptr;
  uint16_t* used_ = nullptr;
  uint16_t nextAvailable_ = 0;
  uint16_t published_ = 0;
  uint16_t lastUsed_ = 0;
  uint16_t firstFree_ = 0;
  uint16_t freeCount_ = 0;
  std::vector<uint16_t> nextFree_;
  std::vector<uint16_t> chainLength_;  // by head; 0: no chain of ours starts there
};

}  // namespace holdfast::frontend
