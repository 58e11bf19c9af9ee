#include "core/base/wait.h"

#include <poll.h>

#include <cerrno>

namespace holdfast {

WaitResult waitFor(int fd, short events, int stopFd, int timeoutMs) {
  pollfd watched[] = {{stopFd, POLLIN, 0}, {fd, events, 0}};
  int ready = 0;
  do ready = ::poll(watched, 2, timeoutMs);
  while (ready < 0 && errno == EINTR);
  if (watched[0].revents != 0) return WaitResult::kStopped;
  return ready == 0 ? WaitResult::kTimeout : WaitResult::kReady;
}

}  // namespace holdfast
