#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "core/base/event_fd.h"
#include "core/io/io_request.h"

namespace holdfast {

/// A thread for operations with no asynchronous form (discard, write zeroes, blocking calls), one
/// at a time in the order given. Its thread starts with the first of them. Lock-free hand-over both
/// ways.
class BlockingLane {
 public:
  BlockingLane() = default;
  /// Waits for the operation in progress.
  ~BlockingLane();

  void submit(IoRequest& request);
  /// Completed requests, or null; each has `result` set.
  IoRequest* takeCompleted() {
    if (!completed_.load(std::memory_order_relaxed)) return nullptr;
    return completed_.exchange(nullptr, std::memory_order_acquire);
  }
  /// Signalled at each completion.
  int eventFd() const { return event_.get(); }

 private:
  void startThread();
  void run();

  EventFd event_;
  std::atomic<IoRequest*> submitted_{nullptr};  // last in first
  std::atomic<IoRequest*> completed_{nullptr};  // last in first
  std::atomic<uint32_t> wake_{0};
  std::atomic<bool> quit_{false};
  std::thread thread_;
};

}  // namespace holdfast
