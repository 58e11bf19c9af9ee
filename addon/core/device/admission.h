#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "core/base/event_fd.h"

namespace holdfast {

/// Whether the rings of an attachment may be served. The disks can belong to another process while
/// a virtual machine migrates: then rings that start wait, with all that is in them, until the
/// control plane has the disks and lets the rings in.
///
/// A demand has a number, so that an answer to one that is over lets nothing in.
///
/// Beside that the rings can be held for a while, admitted or not.
class Admission {
 public:
  explicit Admission(bool admitted) : admitted_(admitted), open_(admitted) {}

  bool valid() const { return opened_.valid(); }
  /// Signalled when the rings may be let in; its counter need not be read.
  int eventFd() const { return opened_.get(); }
  /// Queue workers, before each turn.
  bool open() const { return open_.load(std::memory_order_acquire); }

  // The control thread.

  /// A ring has started. Returns the number of the demand to be made for it, 0: none.
  uint64_t ringStarted();
  /// A ring has stopped and drained. True: nothing is served from now on, and the control plane is
  /// to hear of it. `leaving`: the front end hands the disks over with its last ring.
  bool ringStopped(bool leaving);

  // Any thread.

  /// Answers a demand. False: it is over.
  bool admit(uint64_t demand);
  /// Closes it, unless a ring is started; returns whether it is closed.
  bool withdraw();
  /// A turn that has begun goes on.
  void hold() { setHeld(true); }
  void release() { setHeld(false); }
  /// Wakes those who wait for eventFd(): something else may have changed.
  void wake() const { opened_.signal(); }

 private:
  void setHeld(bool held);
  void setAdmitted(bool admitted);

  std::mutex mutex_;
  bool admitted_;
  bool held_ = false;
  std::atomic<bool> open_;  // admitted and not held
  bool demanded_ = false;
  uint64_t demand_ = 0;
  unsigned started_ = 0;
  EventFd opened_;
};

}  // namespace holdfast
