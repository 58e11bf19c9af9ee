#include "core/device/admission.h"

#include <utility>

namespace holdfast {

uint64_t Admission::ringStarted() {
  const std::lock_guard lock(mutex_);
  ++started_;
  if (admitted_ || demanded_) return 0;
  demanded_ = true;
  return ++demand_;
}

bool Admission::ringStopped(bool leaving) {
  const std::lock_guard lock(mutex_);
  if (--started_ > 0) return false;
  const bool wasDemanded = std::exchange(demanded_, false);
  if (wasDemanded) return true;
  if (!leaving || !admitted_) return false;
  setAdmitted(false);
  return true;
}

bool Admission::admit(uint64_t demand) {
  const std::lock_guard lock(mutex_);
  if (!demanded_ || demand != demand_) return false;
  demanded_ = false;
  setAdmitted(true);
  return true;
}

bool Admission::withdraw() {
  const std::lock_guard lock(mutex_);
  if (started_ > 0) return false;
  setAdmitted(false);
  return true;
}

void Admission::setHeld(bool held) {
  const std::lock_guard lock(mutex_);
  held_ = held;
  setAdmitted(admitted_);
}

void Admission::setAdmitted(bool admitted) {
  admitted_ = admitted;
  const bool open = admitted_ && !held_;
  open_.store(open, std::memory_order_release);
  if (open) opened_.signal();
}

}  // namespace holdfast
