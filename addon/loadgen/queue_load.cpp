#include "loadgen/queue_load.h"

#include <sys/epoll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "loadgen/pattern.h"

namespace holdfast::loadgen {

namespace {

constexpr uint64_t kSecond = 1'000'000'000;
/// How often a spinning thread looks whether the back end is still there.
constexpr uint64_t kConnectionCheck = kSecond / 1000;
constexpr int kSpinsPerClock = 64;

/// What an epoll event is about.
enum Source : uint32_t { kCompletion, kConnection };

timespec toTimespec(uint64_t nanoseconds) {
  return {static_cast<time_t>(nanoseconds / kSecond), static_cast<long>(nanoseconds % kSecond)};
}

Status watch(int epoll, int fd, uint32_t events, Source source) {
  epoll_event event{};
  event.events = events;
  event.data.u32 = source;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return systemError("epoll_ctl", errno);
}

}  // namespace

uint64_t nowNs() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

void Tally::add(const Tally& other) {
  reads += other.reads;
  writes += other.writes;
  sleeps += other.sleeps;
  kicks += other.kicks;
  latencies.add(other.latencies);
  checkedReads += other.checkedReads;
  if (errors == 0) firstError = other.firstError;
  errors += other.errors;
  if (!failure) failure = other.failure;
}

QueueLoad::QueueLoad(Device& device, uint16_t queue, const Options& options, uint64_t partStart,
                     uint64_t partSize, Slots slots)
    : device_(device),
      index_(queue),
      queue_(device.queue(queue)),
      indirect_(device.driver().hasFeature(frontend::kFeatureIndirect)),
      options_(options),
      firstSector_(partStart / kSectorSize),
      slots_(std::move(slots)),
      slotOfHead_(queue_.ring().size()),
      workload_(partSize / options.blockSize, options.readPercent, options.sequential,
                options.seed * options.queues + queue) {
  if (options.verify) {
    verifier_ = std::make_unique<Verifier>(firstSector_, partSize / options.blockSize,
                                           options.blockSize, options.seed);
  }
}

Result<std::unique_ptr<QueueLoad>> QueueLoad::create(Device& device, uint16_t queue,
                                                     const Options& options, uint64_t partStart,
                                                     uint64_t partSize) {
  Result<Slots> slots = Slots::create(device.driver().memory(), options);
  if (!slots) return slots.error();
  std::unique_ptr<QueueLoad> load(
      new QueueLoad(device, queue, options, partStart, partSize, std::move(*slots)));
  if (Status opened = load->openEpoll(); !opened) return opened.error();
  return load;
}

/// Edge-triggered, so that a wake-up costs one system call and the eventfd is never read: an
/// interrupt isn't read either.
Status QueueLoad::openEpoll() {
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return systemError("epoll_create1", errno);
  if (Status s = watch(epoll_.get(), queue_.callFd(), EPOLLIN | EPOLLET, kCompletion); !s) return s;
  return watch(epoll_.get(), device_.driver().connection().socket().fd(), EPOLLRDHUP, kConnection);
}

void QueueLoad::run(Window& window) {
  window_ = &window;
  // Arrivals and the window's end are met to the microsecond, not to the usual 50.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  if (options_.completion == Completion::kPoll) queue_.ring().disarmInterrupt();
  generate();
  drain();
  if (verifier_) readBack();
}

void QueueLoad::generate() {
  if (options_.rate > 0) {
    // The queues take turns, so that the sum of their arrivals is even as well.
    const double perQueue = options_.rate / options_.queues;
    const double offset = double(kSecond) / options_.rate * index_;
    arrivals_ = std::make_unique<Arrivals>(perQueue, nowNs() + static_cast<uint64_t>(offset));
  }
  while (!stopped()) {
    const uint64_t now = nowNs();
    if (now >= window_->endNs) return;
    reap(now);
    submitDue(now);
    publish(now);
    wait(arrivals_ && !late_ ? std::min(arrivals_->nextDue(), window_->endNs) : window_->endNs);
  }
}

void QueueLoad::drain() {
  while (slots_.inFlight() > 0 && !stopped()) {
    awaitUsed();
    reap(nowNs());
  }
}

void QueueLoad::awaitUsed() {
  const uint64_t deadline = nowNs() + static_cast<uint64_t>(options_.drainSeconds * 1e9);
  while (!queue_.ring().hasUsed() && !stopped()) {
    if (nowNs() >= deadline) {
      return fail({ETIMEDOUT, std::to_string(slots_.inFlight()) + " requests of queue " +
                                  std::to_string(index_) + " did not come back in time"});
    }
    wait(deadline);
  }
}

void QueueLoad::readBack() {
  std::optional<uint64_t> block = verifier_->nextWritten(0);
  while (block && !stopped()) {
    const uint64_t now = nowNs();
    reap(now);
    for (; block && slots_.hasFree(); block = verifier_->nextWritten(*block + 1)) {
      submit({true, *block}, now);
    }
    publish(now);
    if (!slots_.hasFree()) awaitUsed();
  }
  drain();
}

void QueueLoad::submitDue(uint64_t now) {
  if (arrivals_) return submitArrivals(now);
  while (slots_.hasFree()) submit(workload_.next(), now);
}

void QueueLoad::submitArrivals(uint64_t now) {
  for (uint64_t due = arrivals_->nextDue(); due <= now; due = arrivals_->nextDue()) {
    if (!slots_.hasFree()) {
      late_ = true;
      return;
    }
    // Waking up late is this thread's own delay; only a full queue is the back end's.
    submit(workload_.next(), late_ ? due : now);
    arrivals_->advance();
  }
  late_ = false;
}

void QueueLoad::submit(Workload::Operation operation, uint64_t startNs) {
  const uint16_t index = slots_.take();
  Slot& slot = slots_[index];
  slot.block = verifier_ ? verifier_->claim(operation.block) : operation.block;
  slot.startNs = startNs;
  if (verifier_ && !operation.read) verifier_->prepareWrite(slot.block, slot.data);
  slot.read = operation.read;
  device_.prepare(slot.header, slot.answer, slot.read,
                  firstSector_ * kSectorSize + slot.block * options_.blockSize, options_.blockSize);

  const std::vector<frontend::Buffer>& chain = slot.read ? slot.readChain : slot.writeChain;
  frontend::Ring& ring = queue_.ring();
  const std::optional<uint16_t> head =
      indirect_ ? ring.addIndirect(chain, slot.table, slot.tableHost) : ring.add(chain);
  if (!head) return fail({ENOSPC, "the ring is smaller than the depth"});
  slotOfHead_[*head] = index;
}

void QueueLoad::publish(uint64_t now) {
  if (!queue_.ring().publish()) return;
  queue_.kick();
  if (measured(now)) ++tally_.kicks;
}

void QueueLoad::reap(uint64_t now) {
  // What comes in meanwhile is left for the next turn, so that new requests are on their way early.
  const uint16_t ready = queue_.ring().usedCount();
  for (uint16_t i = 0; i < ready; ++i) {
    const std::optional<frontend::Used> used = queue_.ring().pop();
    if (!used || !used->ours) {
      return fail({EPROTO, "the back end used a head that was not in flight"});
    }
    complete(slotOfHead_[used->head], now);
  }
}

void QueueLoad::complete(uint16_t slotIndex, uint64_t now) {
  Slot& slot = slots_[slotIndex];
  if (measured(now)) {
    ++(slot.read ? tally_.reads : tally_.writes);
    tally_.latencies.record(now - slot.startNs);
  }
  if (const auto failure = device_.failureIn(slot.answer)) {
    countError(slot, *failure);
  } else if (verifier_ && slot.read) {
    ++tally_.checkedReads;
    if (const auto wrong = verifier_->check(slot.block, slot.data)) countError(slot, *wrong);
  }
  if (verifier_) verifier_->release(slot.block);
  slots_.give(slotIndex);
}

void QueueLoad::countError(const Slot& slot, const std::string& what) {
  if (tally_.errors++ > 0) return;
  const uint64_t sector = firstSector_ + slot.block * (options_.blockSize / kSectorSize);
  tally_.firstError = std::string(slot.read ? "read" : "write") + " of sector " +
                      std::to_string(sector) + ": " + what;
}

void QueueLoad::wait(uint64_t deadline) {
  if (queue_.ring().hasUsed()) return;
  if (options_.completion == Completion::kPoll) {
    spin(deadline);
  } else {
    sleep(deadline);
  }
}

void QueueLoad::spin(uint64_t deadline) {
  const uint64_t check = std::min(deadline, nowNs() + kConnectionCheck);
  do {
    for (int i = 0; i < kSpinsPerClock; ++i) {
      if (queue_.ring().hasUsed()) return;
    }
  } while (nowNs() < check);
  if (check < deadline) takeEvents(0);
}

void QueueLoad::sleep(uint64_t deadline) {
  const uint64_t now = nowNs();
  if (now >= deadline || !queue_.ring().armInterrupt()) return;
  if (measured(now)) ++tally_.sleeps;
  takeEvents(deadline - now);
  queue_.ring().disarmInterrupt();
}

void QueueLoad::takeEvents(uint64_t timeout) {
  epoll_event events[2];
  const timespec limit = toTimespec(timeout);
  const int count = ::epoll_pwait2(epoll_.get(), events, 2, &limit, nullptr);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u32 == kConnection) {
      return fail({ECONNRESET, "the back end closed the connection"});
    }
  }
}

void QueueLoad::fail(Error error) {
  tally_.failure = std::move(error);
  window_->failed.store(true, std::memory_order_relaxed);
}

}  // namespace holdfast::loadgen
