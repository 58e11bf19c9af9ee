#pragma once

#include <atomic>
#include <cstdint>

#include "core/base/inbox.h"
#include "core/scsi/scsi_protocol.h"
#include "core/scsi/scsi_request.h"

namespace holdfast::scsi {

/// A task management function while it goes through the request queues: each finds the commands
/// that it is about, ends them where they stand, and leaves when the host's I/O for them has ended
/// and their responses are in the ring. The control queue owns it and hears of it when all have
/// left.
class TaskFunction {
 public:
  enum class Scope : uint8_t { kTask, kLogicalUnit, kTarget };

  TaskFunction(Inbox<TaskFunction*>& done) : done_(done) {}

  /// Before the queues get it. `cancelledAs`: the response of commands that it ends; kOk: none, it
  /// only asks whether there are any.
  void begin(Scope scope, const LunAddress& address, uint64_t tag, Response cancelledAs) {
    scope_ = scope;
    address_ = address;
    tag_ = tag;
    cancelledAs_ = cancelledAs;
    found_.store(false, std::memory_order_relaxed);
  }
  /// How many queues will leave().
  void expect(unsigned queues) { remaining_.store(queues, std::memory_order_relaxed); }

  Response cancelledAs() const { return cancelledAs_; }
  bool isQuery() const { return cancelledAs_ == Response::kOk; }
  bool concerns(const ScsiRequest& request) const;

  /// A queue has nothing more to do for it; `found`: there was a command. This may be gone then.
  void leave(bool found) {
    if (found) found_.store(true, std::memory_order_relaxed);
    if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_.push(this);
  }
  bool found() const { return found_.load(std::memory_order_relaxed); }

 private:
  Inbox<TaskFunction*>& done_;
  Scope scope_ = Scope::kTask;
  LunAddress address_;
  uint64_t tag_ = 0;
  Response cancelledAs_ = Response::kOk;
  std::atomic<bool> found_{false};
  std::atomic<unsigned> remaining_{0};
};

inline bool TaskFunction::concerns(const ScsiRequest& request) const {
  const LunAddress& other = request.address;
  if (scope_ == Scope::kTarget)
    return other.target == address_.target && other.kind != LunAddress::Kind::kInvalid &&
           other.kind != LunAddress::Kind::kReportLuns;
  return other.kind == LunAddress::Kind::kLogicalUnit && other.target == address_.target &&
         other.lun == address_.lun && (scope_ == Scope::kLogicalUnit || request.header.tag == tag_);
}

}  // namespace holdfast::scsi
