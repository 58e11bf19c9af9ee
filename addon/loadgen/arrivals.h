#pragma once

#include <cstdint>

namespace holdfast::loadgen {

/// The schedule of an open loop: evenly spaced requests that are due whether or not earlier ones
/// have come back. Nanoseconds of the steady clock.
class Arrivals {
 public:
  /// `perSecond` > 0. The first is due at `start`.
  Arrivals(double perSecond, uint64_t start) : interval_(1e9 / perSecond), start_(start) {}

  uint64_t nextDue() const { return start_ + static_cast<uint64_t>(double(count_) * interval_); }
  void advance() { ++count_; }

 private:
  double interval_;
  uint64_t start_;
  uint64_t count_ = 0;
};

}  // namespace holdfast::loadgen
