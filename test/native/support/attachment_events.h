#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/device/attachment.h"

namespace holdfast::test {

/// What an attachment has told, in order.
class AttachmentEvents {
 public:
  /// For Attachment::Options::onEvent.
  std::function<void(AttachmentEvent)> sink() {
    return [this](AttachmentEvent event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
      changed_.notify_all();
    };
  }

  /// Waits for the next event of this kind.
  AttachmentEvent next(AttachmentEvent::Kind kind) {
    std::unique_lock lock(mutex_);
    for (;;) {
      for (; seen_ < events_.size(); ++seen_)
        if (events_[seen_].kind == kind) return events_[seen_++];
      changed_.wait(lock);
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<AttachmentEvent> events_;
  size_t seen_ = 0;
};

}  // namespace holdfast::test
