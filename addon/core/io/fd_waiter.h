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
  void wait();

 private:
  UniqueFd epoll_;
};

}  // namespace holdfast
