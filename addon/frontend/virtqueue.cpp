#include "frontend/virtqueue.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>

namespace holdfast::frontend {

namespace {

using Clock = std::chrono::steady_clock;

UniqueFd makeEventFd() {
  return UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

template <typename Layout>
Result<std::unique_ptr<Ring>> makeRing(GuestMemory& memory, const Virtqueue::Options& options) {
  Result<Layout> ring = Layout::create(memory, options.size, options.eventIndex);
  if (!ring) return ring.error();
  return std::unique_ptr<Ring>(std::make_unique<Layout>(std::move(*ring)));
}

}  // namespace

Result<Virtqueue> Virtqueue::create(GuestMemory& memory, uint16_t index, const Options& options) {
  Result<std::unique_ptr<Ring>> ring =
      options.packed ? makeRing<PackedRing>(memory, options) : makeRing<SplitRing>(memory, options);
  if (!ring) return ring.error();
  Virtqueue queue(index, std::move(*ring), memory);
  queue.kick_ = makeEventFd();
  queue.call_ = makeEventFd();
  queue.err_ = makeEventFd();
  if (!queue.kick_ || !queue.call_ || !queue.err_) return systemError("eventfd", errno);
  return queue;
}

VringAddresses Virtqueue::addresses(bool logged) const {
  const auto frontendAddr = [&](uint64_t guestAddr) {
    return reinterpret_cast<uintptr_t>(memory_->hostAddr(guestAddr));
  };
  const RingLayout& layout = ring_->layout();
  return {.index = index_,
          .flags = logged ? kVringLogFlag : 0,
          .descriptorAddr = frontendAddr(layout.descriptors),
          .usedAddr = frontendAddr(layout.used),
          .availableAddr = frontendAddr(layout.available),
          .logAddr = layout.used};
}

Status Virtqueue::start(Connection& connection, bool enable) {
  if (Status s = connection.setVringCall(index_, callFd()); !s) return s;
  if (Status s = connection.setVringErr(index_, errFd()); !s) return s;
  if (Status s = connection.setVringNum(index_, ring_->size()); !s) return s;
  if (Status s = connection.setVringBase(index_, base_); !s) return s;
  if (Status s = connection.setVringAddr(addresses(false)); !s) return s;
  if (Status s = connection.setVringKick(index_, kickFd()); !s) return s;
  return enable ? connection.setVringEnable(index_, true) : Status();
}

Status Virtqueue::setLogged(Connection& connection, bool logged) {
  return connection.setVringAddr(addresses(logged));
}

Result<uint32_t> Virtqueue::stop(Connection& connection) {
  const Result<uint32_t> base = connection.getVringBase(index_);
  if (base) base_ = *base;
  return base;
}

void Virtqueue::publish() {
  if (ring_->publish()) kick();
}

void Virtqueue::kick() {
  ::eventfd_write(kick_.get(), 1);
}

Status Virtqueue::waitUsed(std::chrono::milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  while (ring_->armInterrupt()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Error{ETIMEDOUT, "no request was completed in time"};
    pollfd entry{call_.get(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(left)) < 0 && errno != EINTR) {
      return systemError("poll", errno);
    }
    eventfd_t count;
    ::eventfd_read(call_.get(), &count);
  }
  ring_->disarmInterrupt();
  return {};
}

Result<Used> Virtqueue::popWait(std::chrono::milliseconds timeout) {
  while (true) {
    if (const std::optional<Used> used = ring_->pop()) return *used;
    if (Status ready = waitUsed(timeout); !ready) return ready.error();
  }
}

}  // namespace holdfast::frontend
