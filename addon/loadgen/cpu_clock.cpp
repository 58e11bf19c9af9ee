#include "loadgen/cpu_clock.h"

#include <string>

namespace holdfast::loadgen {

Result<CpuClock> CpuClock::ofProcess(int pid) {
  clockid_t id{};
  if (const int error = ::clock_getcpuclockid(pid, &id); error != 0) {
    return systemError("process " + std::to_string(pid), error);
  }
  return CpuClock(id);
}

uint64_t CpuClock::read() const {
  timespec time{};
  if (::clock_gettime(id_, &time) != 0) return 0;
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace holdfast::loadgen
