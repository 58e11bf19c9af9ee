#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/event_fd.h"
#include "core/base/status.h"
#include "core/base/unique_fd.h"

namespace holdfast {

/// A thread that waits for any number of sockets and only says which are ready: whoever owns them
/// reads and writes. So it never waits for anything else.
class ReadinessLoop {
 public:
  struct Ready {
    uint64_t id;
    uint32_t events;  // of epoll(7)
  };

  /// `ready` is called on the loop's thread when there is something to take(), once until that is
  /// called. Error: no fds, no thread.
  static Result<std::unique_ptr<ReadinessLoop>> start(std::function<void()> ready);
  ~ReadinessLoop();
  ReadinessLoop(const ReadinessLoop&) = delete;
  ReadinessLoop& operator=(const ReadinessLoop&) = delete;

  // Any thread.

  /// take() names `id` once when `fd` has one of `events`, an error or a hang-up. Error: no memory.
  Status arm(int fd, uint64_t id, uint32_t events);
  /// arm(), after so many milliseconds.
  void armLater(int fd, uint64_t id, uint32_t events, int milliseconds);
  /// Before `fd` is closed. take() may still name it, once.
  void forget(int fd, uint64_t id);
  std::vector<Ready> take();

 private:
  using Clock = std::chrono::steady_clock;
  struct Delayed {
    int fd;
    uint64_t id;
    uint32_t events;
    Clock::time_point due;
  };

  explicit ReadinessLoop(std::function<void()> ready);
  void run();
  /// Arms what is due; returns milliseconds until the next, or -1.
  int armDue();

  const std::function<void()> readyCall_;
  const UniqueFd epoll_;
  EventFd wake_;
  std::mutex mutex_;
  std::vector<Ready> ready_;
  std::vector<Delayed> delayed_;
  std::atomic<bool> quit_{false};
  std::thread thread_;
};

}  // namespace holdfast
