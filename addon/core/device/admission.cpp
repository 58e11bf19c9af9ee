#include "core/device/admission.h"

#include <utility>

namespace holdfast {

uint64_t Admission::ringStarted() {
  const std::lock_guard lock(mutex_);
  ++started_;
  if (open_ || demanded_) return 0;
  demanded_ = true;
  return ++demand_;
}

bool Admission::ringStopped(bool leaving) {
  const std::lock_guard lock(mutex_);
  if (--started_ > 0) return false;
  const bool wasDemanded = std::exchange(demanded_, false);
  return wasDemanded || (leaving && open_.exchange(false));
}

bool Admission::admit(uint64_t demand) {
  const std::lock_guard lock(mutex_);
  if (!demanded_ || demand != demand_) return false;
  demanded_ = false;
  open_.store(true, std::memory_order_release);
  opened_.signal();
  return true;
}

bool Admission::withdraw() {
  const std::lock_guard lock(mutex_);
  if (started_ > 0) return false;
  open_ = false;
  return true;
}

}  // namespace holdfast
