#pragma once

#include <functional>
#include <memory>

#include "core/base/status.h"

namespace holdfast {

/// A call into the kernel that may hang for as long as a device does. It owns all memory that the
/// kernel reads or writes, so it may outlive whoever wanted it.
class LaneCall {
 public:
  virtual ~LaneCall() = default;
  LaneCall() = default;
  LaneCall(const LaneCall&) = delete;
  LaneCall& operator=(const LaneCall&) = delete;

  /// What the system call returned, or -errno. Valid once the lane has given the call back.
  int result() const { return result_; }

 protected:
  /// On the lane's thread. Returns what becomes result().
  virtual int run() = 0;

 private:
  friend class Lane;
  int result_ = 0;
};

/// A thread for calls that can hang, one at a time in the order given. It starts with the first.
///
/// Nothing ever waits for it: a lane that goes while a call is inside leaves the thread to itself,
/// with all that it uses, and it ends when the kernel lets it. It takes no signals, since one that
/// comes inside an SG_IO leaves the command behind without an answer.
class Lane {
 public:
  /// Calls that wait for the one inside, at most.
  static constexpr unsigned kWaitingMax = 64;

  /// Gets each call back, on the lane's thread.
  using Returned = std::function<void(std::unique_ptr<LaneCall>)>;

  explicit Lane(Returned returned);
  /// end().
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Errors: EBUSY, kWaitingMax are there; ESHUTDOWN after end(); no thread.
  Status submit(std::unique_ptr<LaneCall> call);
  /// No further call; those that were taken still run.
  void end();

 private:
  struct State;

  static void* serve(void* state);
  static Status startThread(const std::shared_ptr<State>& state);

  const std::shared_ptr<State> state_;
};

}  // namespace holdfast
