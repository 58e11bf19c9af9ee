#pragma once

#include "core/base/status.h"
#include "core/base/unique_fd.h"

namespace holdfast {

/// Edge-triggered wait on eventfds whose counters nobody reads.
class FdWaiter {
 public:
  FdWaiter();
  Status watch(int fd);
  void unwatch(int fd);
  static constexpr int kForever = -1;
  /// Until one of them is signalled, or so many milliseconds.
  void wait(int timeout = kForever);

 private:
  UniqueFd epoll_;
};

}  // namespace holdfast
