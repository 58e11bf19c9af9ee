#include "core/io/iovec.h"

#include <algorithm>
#include <cstring>

namespace holdfast {

size_t gather(const iovec* iov, uint32_t count, std::byte* target, size_t size) {
  return gatherAt(iov, count, 0, target, size);
}

size_t gatherAt(const iovec* iov, uint32_t count, uint64_t offset, std::byte* target, size_t size) {
  size_t copied = 0;
  for (uint32_t i = 0; i < count && copied < size; ++i) {
    if (offset >= iov[i].iov_len) {
      offset -= iov[i].iov_len;
      continue;
    }
    const size_t piece = std::min(iov[i].iov_len - offset, size - copied);
    std::memcpy(target + copied, static_cast<const std::byte*>(iov[i].iov_base) + offset, piece);
    copied += piece;
    offset = 0;
  }
  return copied;
}

size_t scatter(const iovec* iov, uint32_t count, const std::byte* source, size_t size) {
  return scatterAt(iov, count, 0, source, size);
}

size_t scatterAt(const iovec* iov, uint32_t count, uint64_t offset, const std::byte* source,
                 size_t size) {
  size_t copied = 0;
  for (uint32_t i = 0; i < count && copied < size; ++i) {
    if (offset >= iov[i].iov_len) {
      offset -= iov[i].iov_len;
      continue;
    }
    const size_t piece = std::min(iov[i].iov_len - offset, size - copied);
    std::memcpy(static_cast<std::byte*>(iov[i].iov_base) + offset, source + copied, piece);
    copied += piece;
    offset = 0;
  }
  return copied;
}

}  // namespace holdfast
