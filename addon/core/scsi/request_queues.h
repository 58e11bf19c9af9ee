#pragma once

#include <mutex>
#include <vector>

#include "core/scsi/task_function.h"

namespace holdfast::scsi {

/// The running request queues of one controller, for those who have something to tell all of them.
class RequestQueues {
 public:
  using Mail = Inbox<TaskFunction*>;

  void join(Mail& queue) {
    const std::lock_guard lock(mutex_);
    queues_.push_back(&queue);
  }
  /// Nothing comes into `queue` any more when this returns.
  void leave(Mail& queue) {
    const std::lock_guard lock(mutex_);
    std::erase(queues_, &queue);
  }

  /// Gives `function` to every queue; its owner hears of it also where there is none.
  void spread(TaskFunction& function) {
    const std::lock_guard lock(mutex_);
    function.expect(static_cast<unsigned>(queues_.size()) + 1);
    for (Mail* queue : queues_) queue->push(&function);
    function.leave(false);
  }
  /// Makes every queue look at the controller.
  void wake() {
    const std::lock_guard lock(mutex_);
    for (const Mail* queue : queues_) queue->wake();
  }

 private:
  std::mutex mutex_;
  std::vector<Mail*> queues_;
};

}  // namespace holdfast::scsi
