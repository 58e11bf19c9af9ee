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

  uint16_t head = 0;
  /// Why the chain can't be served although its head can be returned; the segments collected
  /// before the flaw are valid host memory.
  bool malformed = false;
  uint32_t readableCount = 0;
  uint32_t count = 0;
  uint64_t readableBytes = 0;
  uint64_t writableBytes = 0;
  /// The very last writable byte, also of a chain with more segments than fit; null if none.
  std::byte* lastWritable = nullptr;
  std::array<iovec, kMaxSegments> segments;

  uint32_t writableCount() const { return count - readableCount; }
  iovec* readable() { return segments.data(); }
  iovec* writable() { return segments.data() + readableCount; }

  void reset(uint16_t newHead) {
    head = newHead;
    malformed = false;
    readableCount = 0;
    count = 0;
    readableBytes = 0;
    writableBytes = 0;
    lastWritable = nullptr;
  }
};

}  // namespace holdfast::virtio
