#include "core/scsi/event_log.h"

#include <utility>

namespace holdfast::scsi {

void EventLog::post(const Event& event, bool wanted) {
  const std::lock_guard lock(mutex_);
  if (running_ && !wanted) return;
  if (running_ && events_.size() < kMaxEvents)
    events_.push_back(event);
  else
    missed_ = hasRun_;
  note();
  if (running_) posted_.signal();
}

void EventLog::queueStarted() {
  const std::lock_guard lock(mutex_);
  running_ = hasRun_ = true;
}

void EventLog::queueStopped() {
  const std::lock_guard lock(mutex_);
  running_ = false;
  missed_ = missed_ || !events_.empty();
  events_.clear();
  note();
}

void EventLog::dropAll() {
  const std::lock_guard lock(mutex_);
  missed_ = missed_ || !events_.empty();
  events_.clear();
  note();
}

std::optional<Event> EventLog::take() {
  const std::lock_guard lock(mutex_);
  if (events_.empty() && !missed_) return {};
  Event event{};
  if (!events_.empty()) {
    event = events_.front();
    events_.pop_front();
  }
  if (std::exchange(missed_, false)) event.event |= kEventsMissed;
  note();
  return event;
}

void EventLog::note() {
  filled_.store(missed_ || !events_.empty(), std::memory_order_release);
}

}  // namespace holdfast::scsi
