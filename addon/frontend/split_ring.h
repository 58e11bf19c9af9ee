#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/status.h"
#include "frontend/guest_memory.h"

namespace holdfast::frontend {

/// The ring's structures as the device reads them (virtio 1.x, "Split Virtqueues").
struct Descriptor {
  uint64_t guestAddr = 0;
  uint32_t size = 0;
  uint16_t flags = 0;
  uint16_t next = 0;
};
static_assert(sizeof(Descriptor) == 16);

struct UsedElement {
  uint32_t id = 0;
  uint32_t size = 0;
};

inline constexpr uint16_t kDescriptorNext = 1;
inline constexpr uint16_t kDescriptorWrite = 2;
inline constexpr uint16_t kDescriptorIndirect = 4;
inline constexpr uint16_t kAvailableNoInterrupt = 1;
inline constexpr uint16_t kUsedNoNotify = 1;

/// Feature bits of the ring itself.
inline constexpr unsigned kFeatureIndirect = 28;
inline constexpr unsigned kFeatureEventIndex = 29;

/// One descriptor's worth of guest memory.
struct Buffer {
  uint64_t guestAddr = 0;
  uint32_t size = 0;
  bool writable = false;  // by the device
};

/// The driver's side of a split virtqueue (virtio 1.x, "Split Virtqueues"). add() and pop() keep
/// the books of a well-behaved driver; the raw accessors reach every field, for a hostile one. A
/// ring is used by one thread at a time. Little-endian hosts only, as the back end.
class SplitRing {
 public:
  /// Guest addresses of the three parts.
  struct Layout {
    uint64_t descriptors = 0;
    uint64_t available = 0;
    uint64_t used = 0;
  };
  struct Used {
    uint32_t head = 0;
    uint32_t writtenBytes = 0;
    bool ours = false;  // a chain of add() that was in flight
  };

  /// Allocates and zeroes a ring of `size` descriptors (a power of two up to 32768) in `memory`,
  /// which must outlive it. `eventIndex`: VIRTIO_F_EVENT_IDX is negotiated.
  static Result<SplitRing> create(GuestMemory& memory, uint16_t size, bool eventIndex);

  uint16_t size() const { return size_; }
  const Layout& layout() const { return layout_; }
  uint16_t freeDescriptors() const { return freeCount_; }

  /// Writes `chain` into free descriptors and puts its head into the available ring; not visible
  /// before publish(). Null when there are too few free descriptors or the chain is empty.
  std::optional<uint16_t> add(std::span<const Buffer> chain);
  /// As add(), with the chain in an indirect table of 16 bytes a buffer at guest address `table`,
  /// `tableHost` in this process. Takes one descriptor.
  std::optional<uint16_t> addIndirect(std::span<const Buffer> chain, uint64_t table,
                                      Descriptor* tableHost);
  /// Puts any number into the next slot of the available ring; takes no descriptor.
  void addHead(uint16_t head);
  /// Shows the device everything added. Returns whether it wants a kick for it: by EVENT_IDX if
  /// negotiated, else by VRING_USED_F_NO_NOTIFY.
  bool publish();

  /// The next used element, its descriptors freed; null when there is none. An id that no chain of
  /// add() has is returned as it is and frees nothing.
  std::optional<Used> pop();
  bool hasUsed() const { return loadUsedIndex() != lastUsed_; }
  /// Asks for an interrupt on the next used element. Returns false if one is there already: pop it
  /// instead of sleeping.
  bool armInterrupt();
  /// Asks for none. With EVENT_IDX there is nothing to do: an interrupt once given isn't repeated
  /// before armInterrupt().
  void disarmInterrupt();

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
  Layout layout_;
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
