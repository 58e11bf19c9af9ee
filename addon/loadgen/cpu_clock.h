#pragma once

#include <cstdint>
#include <ctime>

#include "core/base/status.h"

namespace holdfast::loadgen {

/// The CPU time of a process in nanoseconds, user and system, all threads that are or were, kernel
/// workers of its io_uring included: exact where /proc counts in ticks.
class CpuClock {
 public:
  static CpuClock ofThisProcess() { return CpuClock(CLOCK_PROCESS_CPUTIME_ID); }
  /// Error: ESRCH.
  static Result<CpuClock> ofProcess(int pid);

  /// 0 once the process is gone.
  uint64_t read() const;

 private:
  explicit CpuClock(clockid_t id) : id_(id) {}

  clockid_t id_;
};

}  // namespace holdfast::loadgen
