#pragma once

#include <cstdint>

namespace holdfast {

/// Decides how long an idle queue worker looks at its rings before it sleeps. All times in
/// nanoseconds.
///
/// At queue depth 1 a sleep costs both sides a wake-up, yet spinning in vain burns a core. Gaps
/// between requests are bistable (short while we spin, long while we sleep), so averages never
/// discover that spinning would pay. Hence an account: every hit earns what a sleep would have
/// cost less the time spun, every miss costs the window, sleeping earns a little, and a full
/// account pays for a run of probes. The loss against always sleeping is bounded by the account.
class PollWindow {
 public:
  /// `longest` is the user's limit for one window; 0 turns polling off.
  explicit PollWindow(int64_t longest) : longest_(longest) {}

  /// How long to spin now; 0 = sleep at once. Only asked when nothing is in flight: a completion
  /// that did not come within the turn is the device's, and takes longer than a window.
  int64_t open();
  /// A request came after `spun` of spinning.
  void hit(int64_t spun);
  /// Nothing came within `window` (0 if it was closed) and we slept; `idle` since the last request.
  void miss(int64_t window, int64_t idle);
  /// This sleep's CPU cost should be measured.
  bool wantsSample() { return (++sleeps_ & 15) == 0; }
  /// CPU time this thread spent across one sleep.
  void sample(int64_t cpu);

 private:
  static constexpr int64_t kMicro = 1000;
  static constexpr int64_t kShortest = 10 * kMicro;
  /// Behind a longer gap a window is not even tried.
  static constexpr int64_t kIdleGap = 80 * kMicro;
  static constexpr int64_t kAccountLimit = 400 * kMicro;
  static constexpr int64_t kAccountFloor = -50 * kMicro;
  static constexpr int64_t kProbeBalance = 200 * kMicro;
  static constexpr int64_t kSleepIncome = 500;
  static constexpr int64_t kCostLimit = 60 * kMicro;

  void clampAccount();

  const int64_t longest_;
  /// What a sleep costs both sides: the thread's own CPU clock sees about half of it.
  int64_t sleepCost_ = 22 * kMicro;
  int64_t account_ = kAccountLimit;
  int64_t expectedGap_ = 17 * kMicro;
  int64_t lastGap_ = 0;
  uint32_t sleeps_ = 0;
  bool open_ = true;
  bool sampled_ = false;
};

}  // namespace holdfast
