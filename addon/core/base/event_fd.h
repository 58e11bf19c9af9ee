#pragma once

#include <sys/eventfd.h>

#include <cstdint>

#include "core/base/unique_fd.h"

namespace holdfast {

/// An eventfd that wakes a poller. Never blocks.
class EventFd {
 public:
  EventFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  int get() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }
  void signal() const {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(fd_.get(), &one, sizeof one);
  }
  void drain() const {
    uint64_t count;
    [[maybe_unused]] const ssize_t got = ::read(fd_.get(), &count, sizeof count);
  }

 private:
  UniqueFd fd_;
};

}  // namespace holdfast
