#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::scsi {

/// `size` bytes, at most 8, most significant first.
constexpr uint64_t loadBigEndian(const uint8_t* bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | bytes[i];
  return value;
}

constexpr void storeBigEndian(uint8_t* bytes, size_t size, uint64_t value) {
  for (size_t i = size; i-- > 0; value >>= 8) bytes[i] = static_cast<uint8_t>(value);
}

}  // namespace holdfast::scsi
