#include "core/socket/readiness_loop.h"

#include <pthread.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace holdfast {
namespace {

/// The id of the loop's own event fd, whose counter nobody reads; owners begin at 1.
constexpr uint64_t kWake = 0;

}  // namespace

Result<std::unique_ptr<ReadinessLoop>> ReadinessLoop::start(std::function<void()> ready) {
  std::unique_ptr<ReadinessLoop> loop(new ReadinessLoop(std::move(ready)));
  if (!loop->epoll_ || !loop->wake_.valid()) return systemError("epoll", EMFILE);
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = kWake}};
  if (::epoll_ctl(loop->epoll_.get(), EPOLL_CTL_ADD, loop->wake_.get(), &event) != 0)
    return systemError("epoll_ctl", errno);
  try {
    loop->thread_ = std::thread(&ReadinessLoop::run, loop.get());
  } catch (const std::system_error& error) {
    return systemError("cannot start the socket thread", error.code().value());
  }
  return loop;
}

ReadinessLoop::ReadinessLoop(std::function<void()> ready)
    : readyCall_(std::move(ready)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

ReadinessLoop::~ReadinessLoop() {
  quit_.store(true);
  wake_.signal();
  if (thread_.joinable()) thread_.join();
}

Status ReadinessLoop::arm(int fd, uint64_t id, uint32_t events) {
  epoll_event event{.events = events | EPOLLONESHOT, .data = {.u64 = id}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0) return {};
  if (errno == ENOENT && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return systemError("epoll_ctl", errno);
}

void ReadinessLoop::armLater(int fd, uint64_t id, uint32_t events, int milliseconds) {
  const std::lock_guard lock(mutex_);
  delayed_.push_back({fd, id, events, Clock::now() + std::chrono::milliseconds(milliseconds)});
  wake_.signal();
}

void ReadinessLoop::forget(int fd, uint64_t id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(delayed_, [id](const Delayed& delayed) { return delayed.id == id; });
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

std::vector<ReadinessLoop::Ready> ReadinessLoop::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(ready_, {});
}

void ReadinessLoop::run() {
  ::pthread_setname_np(::pthread_self(), "hf-sockets");
  while (!quit_.load()) {
    epoll_event events[64];
    const int count = ::epoll_wait(epoll_.get(), events, 64, armDue());
    bool announce = false;
    {
      const std::lock_guard lock(mutex_);
      const bool quiet = ready_.empty();
      for (int i = 0; i < count; ++i) {
        if (events[i].data.u64 != kWake) ready_.push_back({events[i].data.u64, events[i].events});
      }
      announce = quiet && !ready_.empty();
    }
    if (announce) readyCall_();
  }
}

int ReadinessLoop::armDue() {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  // With the mutex held: what is forgotten meanwhile must not be armed.
  std::erase_if(delayed_, [&](const Delayed& delayed) {
    if (delayed.due > now) return false;
    (void)arm(delayed.fd, delayed.id, delayed.events);  // armed before: needs no memory
    return true;
  });
  const auto first = std::ranges::min_element(delayed_, {}, &Delayed::due);
  if (first == delayed_.end()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(first->due - now);
  return static_cast<int>(left.count());
}

}  // namespace holdfast
