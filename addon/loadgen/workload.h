#pragma once

#include <cstdint>

namespace holdfast::loadgen {

/// Chooses what each request does, within one queue's part of the device.
class Workload {
 public:
  struct Operation {
    bool read = true;
    uint64_t block = 0;
  };

  Workload(uint64_t blockCount, unsigned readPercent, bool sequential, uint64_t seed)
      : blockCount_(blockCount),
        readBelow_(uint64_t{readPercent} * (uint64_t{1} << 32) / 100),
        sequential_(sequential),
        state_(seed * 2 + 1) {}

  Operation next() {
    const uint64_t random = draw();
    const bool read = (random & 0xffffffff) < readBelow_;
    if (!sequential_) return {read, scale(draw())};
    const uint64_t block = nextBlock_;
    nextBlock_ = block + 1 == blockCount_ ? 0 : block + 1;
    return {read, block};
  }

 private:
  /// xorshift64* (Vigna, 2016).
  uint64_t draw() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1d;
  }
  uint64_t scale(uint64_t random) const {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>(Wide{random} * blockCount_ >> 64);
  }

  uint64_t blockCount_;
  uint64_t readBelow_;
  bool sequential_;
  uint64_t state_;
  uint64_t nextBlock_ = 0;
};

}  // namespace holdfast::loadgen
