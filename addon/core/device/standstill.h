#pragma once

#include <atomic>
#include <cstdint>

#include "core/base/event_fd.h"

namespace holdfast {

/// Whether an attachment is to stand still: nothing of its front end is read and nothing of its
/// rings served, so that another process can go on from there. A demand has a number, so that what
/// is told of one that is over isn't taken for the next.
class Standstill {
 public:
  static constexpr uint64_t kNone = 0;
  static constexpr uint64_t kFromTheStart = UINT64_MAX - 1;

  /// `demanded`: from the start, until release().
  explicit Standstill(bool demanded) : demand_(demanded ? kFromTheStart : kNone) {
    if (demanded) changed_.signal();
  }

  bool valid() const { return changed_.valid(); }

  // Any thread.

  /// `number`: above 0, another one each time.
  void demand(uint64_t number) { change(number); }
  void release() { change(kNone); }
  /// The attachment ends: whatever stands still does so for good, and nothing is waited for.
  void end() { change(kForEver); }
  bool lasts(uint64_t demand) const { return demand_.load(std::memory_order_acquire) == demand; }

  // The control thread.

  /// Readable when the demand may have changed since the last demanded().
  int eventFd() const { return changed_.get(); }
  /// The demand that there is, or kNone.
  uint64_t demanded() const {
    changed_.drain();
    const uint64_t demand = demand_.load(std::memory_order_acquire);
    return demand == kForEver ? kNone : demand;
  }
  bool isOver() const { return lasts(kForEver); }

 private:
  static constexpr uint64_t kForEver = UINT64_MAX;

  void change(uint64_t demand) {
    // The end is the end.
    uint64_t before = demand_.load(std::memory_order_relaxed);
    while (before != kForEver && !demand_.compare_exchange_weak(before, demand)) {
    }
    changed_.signal();
  }

  std::atomic<uint64_t> demand_;
  EventFd changed_;
};

}  // namespace holdfast
