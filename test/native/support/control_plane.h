#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "core/mailbox/mailbox.h"

namespace holdfast::test {

/// Takes the place of JavaScript behind a mailbox: hands out its messages one by one.
class ControlPlane {
 public:
  explicit ControlPlane(Mailbox::Options options = {}) : mailbox_(options, [this] { posted(); }) {}

  Mailbox& mailbox() { return mailbox_; }

  /// Waits for the next message.
  MailboxMessage next() {
    std::unique_lock lock(mutex_);
    for (;;) {
      for (MailboxMessage& message : mailbox_.take()) messages_.push_back(std::move(message));
      announced_ = false;
      if (!messages_.empty()) break;
      const bool came =
          changed_.wait_for(lock, std::chrono::seconds(20), [this] { return announced_; });
      REQUIRE_MESSAGE(came, "no message came");
    }
    MailboxMessage message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }

  /// Whether there is no message that next() would return at once.
  bool silent() {
    const std::lock_guard lock(mutex_);
    for (MailboxMessage& message : mailbox_.take()) messages_.push_back(std::move(message));
    return messages_.empty();
  }

  unsigned announcements() {
    const std::lock_guard lock(mutex_);
    return announcements_;
  }

 private:
  void posted() {
    const std::lock_guard lock(mutex_);
    announced_ = true;
    ++announcements_;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool announced_ = false;
  unsigned announcements_ = 0;
  std::deque<MailboxMessage> messages_;
  Mailbox mailbox_;
};

}  // namespace holdfast::test
