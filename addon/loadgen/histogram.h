#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace holdfast::loadgen {

/// Counts of latencies in nanoseconds, in buckets no wider than 1/128 of their value (the scheme of
/// HdrHistogram). Fixed size: recording neither allocates nor branches on the past.
class Histogram {
 public:
  void record(uint64_t nanoseconds) {
    const uint64_t value = std::min(nanoseconds, kHighest);
    ++counts_[bucketOf(value)];
    ++total_;
    sum_ += value;
    max_ = std::max(max_, value);
  }

  void add(const Histogram& other);

  uint64_t count() const { return total_; }
  uint64_t max() const { return max_; }
  double mean() const { return total_ == 0 ? 0 : double(sum_) / double(total_); }
  /// The value that `fraction` (0..1) of all values don't exceed: the middle of its bucket, never
  /// more than max(). 0 when empty.
  double percentile(double fraction) const;

 private:
  static constexpr size_t kPerPowerOfTwo = 128;
  static constexpr unsigned kMantissaBits = 8;
  static constexpr unsigned kHighestBits = 38;  // 275 seconds
  static constexpr uint64_t kHighest = (uint64_t{1} << kHighestBits) - 1;
  static constexpr size_t kBuckets = (kHighestBits - kMantissaBits + 2) * kPerPowerOfTwo;

  /// The value's highest 8 bits: a bucket for each value below 256, then 128 for each power of two.
  static size_t bucketOf(uint64_t value) {
    const unsigned shift = static_cast<unsigned>(std::bit_width(value | 0xff)) - kMantissaBits;
    return shift * kPerPowerOfTwo + (value >> shift);
  }
  static double middleOf(size_t bucket);

  std::array<uint64_t, kBuckets> counts_{};
  uint64_t total_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

}  // namespace holdfast::loadgen
