#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace holdfast::virtio {

/// A request's buffers as host addresses: the readable ones first, then the writable ones.
/// Adjacent pieces are not merged; a descriptor that crosses memory regions makes several.
struct DescriptorChain {
  /// seg_max 126 is what we offer; with header, status and two crossings of memory regions.
  static constexpr uint32_t kMaxSegments = 130;

  /// What the driver knows it by: the index of its head in a split ring, its buffer id in a packed
  /// one.
  uint16_t id = 0;
  /// Descriptors of a packed ring that it takes.
  uint16_t ringDescriptors = 0;
  /// Of a packed ring: where PackedInflight has it.
  uint16_t inflightEntry = 0;
  /// A back end before took it and left it: what it asks for may have been done already.
  bool leftOver = false;
  /// The chain can't be served, though it can be given back: a loop, an address that isn't
  /// mapped, too many segments, readable behind writable. What was collected is valid host memory,
  /// but has gaps.
  bool malformed = false;
  uint32_t readableCount = 0;
  uint32_t count = 0;
  uint64_t readableBytes = 0;
  uint64_t writableBytes = 0;
  /// The very last writable byte, also of a chain with more segments than fit; null if there is
  /// none or it isn't mapped.
  std::byte* lastWritable = nullptr;
  std::array<iovec, kMaxSegments> segments;

  uint32_t writableCount() const { return count - readableCount; }
  iovec* readable() { return segments.data(); }
  iovec* writable() { return segments.data() + readableCount; }

  void reset() {
    id = 0;
    ringDescriptors = 0;
    leftOver = false;
    malformed = false;
    readableCount = 0;
    count = 0;
    readableBytes = 0;
    writableBytes = 0;
    lastWritable = nullptr;
  }
};

}  // namespace holdfast::virtio
