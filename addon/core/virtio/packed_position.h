#pragma once

#include <cstdint>

#include "core/virtio/ring_layout.h"

namespace holdfast::virtio {

/// A place in a packed ring. Laps alternate, and with them what the flags of a descriptor mean
/// (virtio 1.4, 2.8.1).
struct PackedPosition {
  uint16_t index = 0;
  bool wrap = true;

  /// Those flags of a descriptor that depend on the lap.
  static constexpr uint16_t kFlags = PackedDescriptor::kAvailable | PackedDescriptor::kUsed;

  static PackedPosition decode(uint16_t encoded) {
    return {static_cast<uint16_t>(encoded & 0x7fff), (encoded & 0x8000) != 0};
  }
  uint16_t encode() const { return static_cast<uint16_t>(index | (wrap ? 0x8000 : 0)); }

  /// `count` is at most `size`, the ring's.
  void advance(uint32_t count, uint32_t size) {
    uint32_t next = index + count;
    if (next >= size) {
      next -= size;
      wrap = !wrap;
    }
    index = static_cast<uint16_t>(next);
  }
  /// How many descriptors this lies ahead of `other`, modulo two laps.
  uint32_t ahead(const PackedPosition& other, uint32_t size) const {
    return (ordinal(size) + 4 * size - other.ordinal(size) % (2 * size)) % (2 * size);
  }

  uint16_t availableFlags() const {
    return wrap ? PackedDescriptor::kAvailable : PackedDescriptor::kUsed;
  }
  uint16_t usedFlags() const { return wrap ? kFlags : uint16_t{0}; }
  bool operator==(const PackedPosition&) const = default;

 private:
  uint32_t ordinal(uint32_t size) const { return index + (wrap ? 0 : size); }
};

}  // namespace holdfast::virtio
