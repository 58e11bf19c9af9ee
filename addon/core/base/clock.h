#pragma once

#include <time.h>

#include <cstdint>

namespace holdfast {

/// A time of CLOCK_MONOTONIC that doesn't come.
constexpr int64_t kNever = INT64_MAX;

/// Nanoseconds of CLOCK_MONOTONIC.
inline int64_t monotonicNow() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

/// CPU nanoseconds this thread has used.
inline int64_t threadCpuNow() {
  timespec time;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

/// Tells the core that this is a spin loop.
inline void spinPause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace holdfast
