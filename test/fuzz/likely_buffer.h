#pragma once

#include "core/virtio/ring_layout.h"
#include "input.h"

namespace holdfast::fuzz {

/// Where buffers begin: behind the ring.
inline constexpr uint64_t kBuffers = 0x2000;

/// A buffer as most drivers have them: of a length that means something, at the start of one of
/// `slots` sectors, and by bit 3 of `choice` the device's to write to.
inline virtio::Descriptor likelyBuffer(Input& input, uint8_t choice, uint32_t slots) {
  static constexpr uint32_t kLengths[] = {1, 16, 51, 108, 512, 4096, 12288, 65536};
  virtio::Descriptor descriptor{};
  descriptor.length = kLengths[choice & 7];
  descriptor.guestAddr = kBuffers + 512 * input.upTo(slots - 1);
  if (choice & 8) descriptor.flags |= virtio::Descriptor::kWrite;
  return descriptor;
}

}  // namespace holdfast::fuzz
