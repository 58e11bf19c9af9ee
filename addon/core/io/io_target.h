#pragma once

#include <cstdint>

namespace holdfast {

/// What I/O needs to know of an opened disk.
struct DiskGeometry {
  int fd = -1;
  bool blockDevice = false;
  /// Direct I/O: buffers start at multiples of memoryAlignment; offsets and each buffer's length
  /// are multiples of offsetAlignment (STATX_DIOALIGN). 1 and 1: buffered.
  uint32_t memoryAlignment = 1;
  uint32_t offsetAlignment = 1;
};

/// A disk as one attachment's requests name it. Outlives them.
struct IoTarget {
  static constexpr unsigned kMaxSlots = 256;

  DiskGeometry geometry;
  /// The attachment's number for it, below kMaxSlots: io_uring's registered file.
  unsigned slot = 0;
};

}  // namespace holdfast
