#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/base/status.h"
#include "frontend/guest_memory.h"

namespace holdfast::frontend {

/// An entry of a split ring's descriptor table, or of an indirect table of such a ring (virtio 1.x,
/// "Split Virtqueues").
struct Descriptor {
  uint64_t guestAddr = 0;
  uint32_t size = 0;
  uint16_t flags = 0;
  uint16_t next = 0;
};
static_assert(sizeof(Descriptor) == 16);

inline constexpr uint16_t kDescriptorNext = 1;
inline constexpr uint16_t kDescriptorWrite = 2;
inline constexpr uint16_t kDescriptorIndirect = 4;

/// Feature bits of the ring itself.
inline constexpr unsigned kFeatureIndirect = 28;
inline constexpr unsigned kFeatureEventIndex = 29;
inline constexpr unsigned kFeaturePacked = 34;

/// One descriptor's worth of guest memory.
struct Buffer {
  uint64_t guestAddr = 0;
  uint32_t size = 0;
  bool writable = false;  // by the device
};

/// Guest addresses of a ring's three parts. Those of a packed ring: descriptors, the driver's and
/// the device's event suppression.
struct RingLayout {
  uint64_t descriptors = 0;
  uint64_t available = 0;
  uint64_t used = 0;
};

/// A chain that came back.
struct Used {
  uint32_t head = 0;  // of a packed ring: the buffer id
  uint32_t writtenBytes = 0;
  bool ours = false;  // a chain of add() that was in flight
};

/// The driver's side of a virtqueue, whatever its layout: the books of a well-behaved driver. Used
/// by one thread at a time. Little-endian hosts only, as the back end.
class Ring {
 public:
  virtual ~Ring() = default;

  virtual uint16_t size() const = 0;
  virtual const RingLayout& layout() const = 0;
  /// Where a device begins that sees the ring for the first time: SET_VRING_BASE.
  virtual uint32_t initialBase() const = 0;
  virtual uint16_t freeDescriptors() const = 0;

  /// Writes `chain` into free descriptors; not visible before publish(). Returns what the device
  /// will know it by: its head, or its buffer id. Null when there are too few free descriptors or
  /// the chain is empty.
  virtual std::optional<uint16_t> add(std::span<const Buffer> chain) = 0;
  /// As add(), with the chain in an indirect table of 16 bytes a buffer at guest address `table`,
  /// `tableHost` in this process. Takes one descriptor.
  virtual std::optional<uint16_t> addIndirect(std::span<const Buffer> chain, uint64_t table,
                                              void* tableHost) = 0;
  /// Shows the device everything added. Returns whether it wants a kick for it.
  virtual bool publish() = 0;

  /// The next chain that was used, its descriptors freed; null when there is none. An id that no
  /// chain of add() has is returned as it is and frees nothing.
  virtual std::optional<Used> pop() = 0;
  virtual bool hasUsed() const = 0;
  /// How many chains were used and not taken by pop().
  virtual uint16_t usedCount() const = 0;
  /// Asks for an interrupt at the next used chain. Returns false if one is there already: pop it
  /// instead of sleeping.
  virtual bool armInterrupt() = 0;
  /// Asks for none.
  virtual void disarmInterrupt() = 0;
};

}  // namespace holdfast::frontend
