#pragma once

#include <sys/timerfd.h>

#include <cstdint>

#include "core/base/unique_fd.h"

namespace holdfast {

/// A timerfd that wakes a poller once. Never blocks.
class TimerFd {
 public:
  TimerFd() : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {}
  int get() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }
  /// `time`: of CLOCK_MONOTONIC, nanoseconds. Replaces what it was armed for.
  void arm(int64_t time) const {
    constexpr int64_t kSecond = 1'000'000'000;
    const itimerspec setting{.it_interval = {},
                             .it_value = {.tv_sec = time / kSecond, .tv_nsec = time % kSecond}};
    ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
  }

 private:
  UniqueFd fd_;
};

}  // namespace holdfast
