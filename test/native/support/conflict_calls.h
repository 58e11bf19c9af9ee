#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

namespace holdfast::test {

/// Takes the place of the control plane behind a fence: counts how often a verdict was asked for.
class ConflictCalls {
 public:
  std::function<void()> listener() {
    return [this] {
      const std::lock_guard lock(mutex_);
      ++count_;
      changed_.notify_all();
    };
  }
  /// Until there have been so many.
  void wait(unsigned count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }
  unsigned count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned count_ = 0;
};

}  // namespace holdfast::test
