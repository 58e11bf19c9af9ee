#pragma once

#include <cstdint>

namespace holdfast::virtio {

/// Split virtqueue structures (virtio 1.4, 2.7); little-endian, as every host we build for.
struct Descriptor {
  static constexpr uint16_t kNext = 1;
  static constexpr uint16_t kWrite = 2;
  static constexpr uint16_t kIndirect = 4;

  uint64_t guestAddr;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};
static_assert(sizeof(Descriptor) == 16);

struct UsedElement {
  uint32_t id;
  uint32_t length;
};

struct AvailableRing {
  static constexpr uint16_t kNoInterrupt = 1;

  uint16_t flags;
  uint16_t index;
  uint16_t ring[];  // then used_event
};

struct UsedRing {
  static constexpr uint16_t kNoNotify = 1;

  uint16_t flags;
  uint16_t index;
  UsedElement ring[];  // then avail_event
};

/// Packed virtqueue structures (virtio 1.4, 2.8).
struct PackedDescriptor {
  /// Each flips its meaning with every lap of the ring.
  static constexpr uint16_t kAvailable = 1 << 7;
  static constexpr uint16_t kUsed = 1 << 15;

  uint64_t guestAddr;
  uint32_t length;
  uint16_t id;
  uint16_t flags;
};
static_assert(sizeof(PackedDescriptor) == 16);

/// Read and written as one word, so that neither side sees half of a wish.
struct EventSuppression {
  static constexpr uint16_t kEnable = 0;
  static constexpr uint16_t kDisable = 1;
  static constexpr uint16_t kDescriptor = 2;

  uint16_t position = 0;  // of the descriptor, its lap in bit 15; with kDescriptor
  uint16_t flags = kEnable;
};
static_assert(sizeof(EventSuppression) == 4);

constexpr uint32_t kMaxQueueSize = 32768;

constexpr uint64_t availableRingBytes(uint32_t size) {
  return 4 + 2 * uint64_t{size} + 2;
}
constexpr uint64_t usedRingBytes(uint32_t size) {
  return 4 + 8 * uint64_t{size} + 2;
}
constexpr uint64_t descriptorTableBytes(uint32_t size) {
  return 16 * uint64_t{size};
}

/// Feature bits of the transport and the ring (virtio 1.4, 6).
constexpr uint64_t kFeatureIndirect = 1ULL << 28;
constexpr uint64_t kFeatureEventIndex = 1ULL << 29;
constexpr uint64_t kFeatureVersion1 = 1ULL << 32;
constexpr uint64_t kFeaturePacked = 1ULL << 34;

}  // namespace holdfast::virtio
