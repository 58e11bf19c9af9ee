#include "loadgen/histogram.h"

#include <cmath>

namespace holdfast::loadgen {

void Histogram::add(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

double Histogram::middleOf(size_t bucket) {
  if (bucket < 2 * kPerPowerOfTwo) return double(bucket);
  const size_t shift = bucket / kPerPowerOfTwo - 1;
  const double lowest = double((bucket - shift * kPerPowerOfTwo) << shift);
  return lowest + (double(uint64_t{1} << shift) - 1) / 2;
}

double Histogram::percentile(double fraction) const {
  if (total_ == 0) return 0;
  const double wanted = std::ceil(fraction * double(total_));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (double(seen) >= wanted && seen > 0) return std::min(middleOf(bucket), double(max_));
  }
  return double(max_);
}

}  // namespace holdfast::loadgen
