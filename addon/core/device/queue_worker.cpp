#include "core/device/queue_worker.h"

#include <pthread.h>
#include <sched.h>

#include <cerrno>
#include <system_error>

#include "core/base/clock.h"
#include "core/sandbox/sandbox.h"

namespace holdfast {

Result<std::unique_ptr<QueueWorker>> QueueWorker::start(Options options) {
  std::unique_ptr<QueueWorker> worker(new QueueWorker(std::move(options)));
  try {
    worker->thread_ = std::thread(&QueueWorker::run, worker.get());
  } catch (const std::system_error& error) {
    return systemError("cannot start a queue thread", error.code().value());
  }
  worker->started_.wait(false);
  if (!worker->outcome_) return worker->outcome_.error();
  return worker;
}

QueueWorker::~QueueWorker() {
  quit_.store(true);
  wake_.signal();
  if (thread_.joinable()) thread_.join();
}

void QueueWorker::call(std::function<bool()> step) {
  command_.store(&step, std::memory_order_release);
  wake_.signal();
  command_.wait(&step, std::memory_order_acquire);
}

void QueueWorker::enterEpoch(std::shared_ptr<const MemoryMap> map) {
  epochs_.push_back(std::make_unique<MapEpoch>(std::move(map)));
  dropOldEpochs();
}

Status QueueWorker::add(ServedQueue served) {
  const int kick = served.queue->kickFd();
  if (kick >= 0) {
    if (Status watched = channel_->watch(kick); !watched) return watched;
  }
  queues_.push_back(std::move(served));
  polls_ = polls_ || kick < 0;
  return {};
}

ServedQueue* QueueWorker::find(uint16_t index) {
  for (ServedQueue& served : queues_)
    if (served.queue->index() == index) return &served;
  return nullptr;
}

void QueueWorker::remove(uint16_t index) {
  ServedQueue* served = find(index);
  if (!served) return;
  if (served->queue->kickFd() >= 0) channel_->unwatch(served->queue->kickFd());
  served->handler.reset();  // it refers to the queue
  queues_.erase(queues_.begin() + (served - queues_.data()));
  polls_ = false;
  for (const ServedQueue& other : queues_) polls_ = polls_ || other.queue->kickFd() < 0;
  dropOldEpochs();
}

void QueueWorker::run() {
  ::pthread_setname_np(::pthread_self(), options_.name.c_str());
  auto channel = IoChannel::open(options_.engine);
  if (channel) {
    channel_ = std::move(*channel);
    outcome_ = channel_->watch(wake_.get());
    if (outcome_) outcome_ = channel_->watch(options_.admission.eventFd());
    // Not before: it has its ring now, and never makes another.
    if (outcome_) outcome_ = sandbox::confineThread(sandbox::Confined::kQueueThread);
  } else {
    outcome_ = channel.error();
  }
  const bool ready = outcome_.ok();
  started_.store(true);
  started_.notify_one();
  if (ready) serveUntilQuit();
  channel_.reset();
}

void QueueWorker::serveUntilQuit() {
  while (!quit_.load(std::memory_order_relaxed)) {
    if (command_.load(std::memory_order_relaxed)) runCommand();
    if (turn() || spin()) continue;
    sleep(spunWindow_, idleSince_);
  }
}

/// One round over all queues: start what is there, reap what is done, show it. True if there was
/// anything.
bool QueueWorker::turn() {
  unsigned work = 0;
  for (ServedQueue& served : queues_)
    if (serves(served)) work += served.handler->serve(kTurn);
  channel_->submit();
  IoRequest* completed[IoChannel::kReapBatch];
  const unsigned count = channel_->reap(completed);
  for (unsigned i = 0; i < count; ++i) completed[i]->owner->complete(*completed[i]);
  work += count;
  for (ServedQueue& served : queues_) {
    work += served.handler->collect();
    served.queue->publish(serves(served) && served.handler->wantsChains());
  }
  return work > 0;
}

/// Looks at the rings for as long as the poll window says. True if something came.
bool QueueWorker::spin() {
  idleSince_ = monotonicNow();
  spunWindow_ = channel_->inFlight() == 0 ? poll_.open() : 0;
  if (spunWindow_ == 0) return false;
  for (;;) {
    for (unsigned i = 0; i < 8; ++i) {
      if (workWaits()) {
        poll_.hit(monotonicNow() - idleSince_);
        return true;
      }
      spinPause();
    }
    if (monotonicNow() - idleSince_ > spunWindow_) return false;
  }
}

void QueueWorker::sleep(int64_t window, int64_t idleSince) {
  if (epochs_.size() > 1) dropOldEpochs();
  const bool idle = channel_->inFlight() == 0;
  for (ServedQueue& served : queues_)
    if (serves(served)) served.queue->requestKick();
  if (!workWaits()) {
    if (polls_) {
      ::sched_yield();
    } else {
      const bool sample = idle && poll_.wantsSample();
      const int64_t cpuBefore = sample ? threadCpuNow() : 0;
      channel_->sleep();
      if (sample) poll_.sample(threadCpuNow() - cpuBefore);
      // What this process doesn't serve another one may: its kicks are not ours to take.
      for (ServedQueue& served : queues_)
        if (serves(served)) served.queue->drainKick();
    }
  }
  for (ServedQueue& served : queues_)
    if (serves(served)) served.queue->suppressKick();
  if (idle) poll_.miss(window, monotonicNow() - idleSince);
}

bool QueueWorker::workWaits() {
  if (command_.load(std::memory_order_relaxed) != triedCommand_) return true;
  if (quit_.load(std::memory_order_relaxed)) return true;
  for (const ServedQueue& served : queues_)
    if (serves(served) && served.queue->ring().hasAvailable() && served.handler->wantsChains())
      return true;
  return false;
}

void QueueWorker::runCommand() {
  std::function<bool()>* command = command_.load(std::memory_order_acquire);
  triedCommand_ = command;
  if (!(*command)()) return;
  triedCommand_ = nullptr;
  command_.store(nullptr, std::memory_order_release);  // the caller's `step` is gone after this
  command_.notify_one();
}

void QueueWorker::dropOldEpochs() {
  std::erase_if(epochs_, [this](const std::unique_ptr<MapEpoch>& epoch) {
    return epoch->inFlight == 0 && epoch != epochs_.back();
  });
}

}  // namespace holdfast
