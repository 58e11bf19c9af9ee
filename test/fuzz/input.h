#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace holdfast::fuzz {

/// The fuzzer's bytes, read from the front, so that what a change of them does stays local. Past
/// the end everything reads as zero.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}

  bool empty() const { return rest_.empty(); }

  template <typename Number>
  Number take() {
    Number value = 0;
    const auto bytes = takeBytes(sizeof value);
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  bool flag() { return (take<uint8_t>() & 1) != 0; }
  /// From 0 up to and with `most`.
  uint32_t upTo(uint32_t most) { return take<uint16_t>() % (most + 1); }

  std::span<const uint8_t> takeBytes(size_t size) {
    const auto taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  /// What is left.
  std::span<const uint8_t> rest() const { return rest_; }

 private:
  std::span<const uint8_t> rest_;
};

}  // namespace holdfast::fuzz
