#include "core/device/poll_window.h"

#include <algorithm>

namespace holdfast {

int64_t PollWindow::open() {
  if (longest_ == 0 || lastGap_ > kIdleGap) return 0;
  const int64_t window = std::clamp(4 * expectedGap_, std::min(kShortest, longest_), longest_);
  if (account_ >= kProbeBalance) open_ = true;
  if (account_ < window) open_ = false;
  return open_ ? window : 0;
}

void PollWindow::hit(int64_t spun) {
  lastGap_ = spun;
  account_ += sleepCost_ - spun;
  expectedGap_ += (lastGap_ - expectedGap_) / 8;
  clampAccount();
}

void PollWindow::miss(int64_t window, int64_t idle) {
  lastGap_ = idle;
  if (window > 0) {
    account_ -= window;
    expectedGap_ += (longest_ - expectedGap_) / 16;
  } else {
    account_ += kSleepIncome;
  }
  clampAccount();
}

void PollWindow::sample(int64_t cpu) {
  const int64_t cost = 2 * std::min(cpu, kCostLimit);
  sleepCost_ = sampled_ ? sleepCost_ + (cost - sleepCost_) / 8 : cost;
  sampled_ = true;
}

void PollWindow::clampAccount() {
  account_ = std::clamp(account_, kAccountFloor, kAccountLimit);
}

}  // namespace holdfast
