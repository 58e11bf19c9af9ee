#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace holdfast {

/// Drops `bytes` from the front of the vector: whole entries vanish, the next one is shortened.
inline void advance(iovec*& iov, uint32_t& count, size_t bytes) {
  while (count > 0 && bytes >= iov->iov_len) {
    bytes -= iov->iov_len;
    ++iov;
    --count;
  }
  if (bytes > 0 && count > 0) {
    iov->iov_base = static_cast<std::byte*>(iov->iov_base) + bytes;
    iov->iov_len -= bytes;
  }
}

/// Cuts the vector to its first `bytes`; it has as many.
inline void truncate(iovec* iov, uint32_t& count, size_t bytes) {
  uint32_t kept = 0;
  while (bytes > 0) {
    iov[kept].iov_len = iov[kept].iov_len < bytes ? iov[kept].iov_len : bytes;
    bytes -= iov[kept++].iov_len;
  }
  count = kept;
}

/// Copies up to `size` bytes from the vector into `target`; returns how many.
size_t gather(const iovec* iov, uint32_t count, std::byte* target, size_t size);
/// The same, from the vector's byte `offset` on.
size_t gatherAt(const iovec* iov, uint32_t count, uint64_t offset, std::byte* target, size_t size);
/// Copies up to `size` bytes from `source` into the vector; returns how many.
size_t scatter(const iovec* iov, uint32_t count, const std::byte* source, size_t size);
/// The same, from the vector's byte `offset` on.
size_t scatterAt(const iovec* iov, uint32_t count, uint64_t offset, const std::byte* source,
                 size_t size);

}  // namespace holdfast
