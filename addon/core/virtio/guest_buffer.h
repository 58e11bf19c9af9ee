#pragma once

#include <sys/uio.h>

#include <cstdint>

namespace holdfast::virtio {

/// A stretch of guest memory as host addresses.
struct GuestBuffer {
  iovec* iov = nullptr;
  uint32_t count = 0;
  uint64_t size = 0;  // bytes
};

}  // namespace holdfast::virtio
