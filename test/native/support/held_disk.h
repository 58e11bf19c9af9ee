#pragma once

#include <future>
#include <mutex>
#include <thread>

#include "core/disk/disk.h"

namespace holdfast::test {

/// Keeps a disk's exclusive updates waiting, and so every COMPARE AND WRITE to it, as a dead path
/// would keep any command.
class HeldDisk {
 public:
  explicit HeldDisk(Disk& disk) {
    std::promise<void> locked;
    // A mutex is unlocked by the thread that locked it; release() may come from another.
    holder_ = std::thread([&] {
      const std::lock_guard lock(disk.exclusiveUpdate());
      locked.set_value();
      released_.get_future().wait();
    });
    locked.get_future().wait();
  }
  ~HeldDisk() { release(); }

  /// Commands go on when this returns.
  void release() {
    if (!holder_.joinable()) return;
    released_.set_value();
    holder_.join();
  }

 private:
  std::promise<void> released_;
  std::thread holder_;
};

}  // namespace holdfast::test
