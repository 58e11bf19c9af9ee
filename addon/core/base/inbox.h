#pragma once

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "core/base/event_fd.h"

namespace holdfast {

/// Hands items from any thread to the one that waits for `eventFd()`.
template <typename T>
class Inbox {
 public:
  bool valid() const { return event_.valid(); }
  /// Signalled after each push; its counter need not be read.
  int eventFd() const { return event_.get(); }

  void push(T item) {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
    filled_.store(true, std::memory_order_relaxed);
    event_.signal();  // with the mutex held, so that the reader can't be gone yet
  }

  /// Wakes the reader though there is nothing new here.
  void wake() const { event_.signal(); }

  /// Everything there is, in the order of arrival. Costs one load where that is nothing.
  std::vector<T> take() {
    if (!filled_.load(std::memory_order_relaxed)) return {};
    const std::lock_guard lock(mutex_);
    filled_.store(false, std::memory_order_relaxed);
    return std::exchange(items_, {});
  }

 private:
  EventFd event_;
  std::mutex mutex_;
  std::vector<T> items_;
  std::atomic<bool> filled_{false};
};

}  // namespace holdfast
