#pragma once

#include <algorithm>
#include <cstdint>

namespace holdfast {

/// How long a front end may be kept waiting for requests that wait themselves, for the control
/// plane. It stops its rings one after another, and each time waits for the reply: so this is for
/// all of them together. What passes between two of its messages isn't our doing, and doesn't
/// count. Times are of CLOCK_MONOTONIC; all in nanoseconds.
class StopAllowance {
 public:
  explicit StopAllowance(int64_t whole) : whole_(whole), left_(whole) {}

  /// A ring is to stop, and the front end waits from now on. Returns until when it may.
  int64_t waitFrom(int64_t now) {
    since_ = now;
    return now + left_;
  }
  void waitedUntil(int64_t now) { left_ = std::max<int64_t>(0, left_ - (now - since_)); }
  /// A ring runs again: the next to stop is the first of another stop.
  void renew() { left_ = whole_; }

 private:
  const int64_t whole_;
  int64_t left_;
  int64_t since_ = 0;
};

}  // namespace holdfast
