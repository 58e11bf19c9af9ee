#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace holdfast::virtio {

/// Where a ring lies in the front end's address space. A packed ring's `available` and `used` are
/// the driver's and the device's event suppression (virtio 1.4, 2.8.14).
struct RingAddresses {
  uint64_t descriptor = 0;
  uint64_t available = 0;
  uint64_t used = 0;
};

/// How a ring starts.
struct RingParameters {
  RingAddresses addresses;
  uint32_t size = 0;  // descriptors
  /// SET_VRING_BASE: the available index of a split ring, or a packed ring's positions: available
  /// in the lower half, used in the upper one, each with its lap in the highest bit.
  uint32_t base = 0;
  /// Where the ring notes what it takes, with room for `inflightEntries` descriptors; null:
  /// nowhere.
  std::shared_ptr<std::byte> inflight{};
  uint16_t inflightEntries = 0;
  bool packed = false;
  bool eventIndex = false;  // EVENT_IDX is negotiated
};

/// What taking a chain came to. kBroken: the driver broke the ring's rules, and nothing that
/// follows can be trusted.
enum class Pop { kChain, kEmpty, kBroken };

inline bool isAligned(const std::byte* address, size_t alignment) {
  return reinterpret_cast<uintptr_t>(address) % alignment == 0;
}

}  // namespace holdfast::virtio
