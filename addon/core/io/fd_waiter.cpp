#include "core/io/fd_waiter.h"

#include <sys/epoll.h>

#include <cerrno>

namespace holdfast {

FdWaiter::FdWaiter() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

Status FdWaiter::watch(int fd) {
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = fd}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return systemError("cannot watch the event fd", errno);
  return {};
}

void FdWaiter::unwatch(int fd) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void FdWaiter::wait(int timeout) {
  epoll_event events[16];
  ::epoll_wait(epoll_.get(), events, 16, timeout);
}

}  // namespace holdfast
