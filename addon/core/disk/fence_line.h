#pragma once

#include <atomic>
#include <cstdint>

#include "core/base/clock.h"
#include "core/base/event_fd.h"
#include "core/base/status.h"
#include "core/base/timer_fd.h"
#include "core/disk/access_fence.h"
#include "core/io/io_channel.h"

namespace holdfast {

/// A request at an access fence; part of what its queue keeps of it.
struct FenceEntry {
  AccessFence::Pass pass;
  /// Inside or waiting: it has been at the host's device and met a conflict there.
  bool metConflict = false;

  bool waits() const { return waiting; }

  // The rest is the line's.
  bool waiting = false;
  AccessFence* fence = nullptr;
  AccessFence::Access access{};
  FenceEntry* nextWaiting = nullptr;
  FenceEntry* previousWaiting = nullptr;
};

/// A queue's requests when their wait has ended, one way or the other.
class FenceClient {
 public:
  /// Inside the fence now: to be started, or sent again if it met a conflict.
  virtual void released(FenceEntry& entry) = 0;
  /// Outside: to be answered with a conflict.
  virtual void refused(FenceEntry& entry) = 0;
  /// Outside: the queue stops, and the fence may stay as it is.
  virtual void givenUp(FenceEntry& entry) = 0;

 protected:
  ~FenceClient() = default;
};

/// One queue's requests that wait at access fences, in the order in which they came. Used on its
/// worker's thread only. Costs nothing while nobody waits, and no memory when somebody does.
class FenceLine final : private AccessFence::Waiter {
 public:
  /// All outlive the line.
  FenceLine(FenceClient& client, IoChannel& channel);
  /// Nothing waits, and every fence was parted from.
  ~FenceLine();
  FenceLine(const FenceLine&) = delete;
  FenceLine& operator=(const FenceLine&) = delete;

  /// To be called first. Error: out of file descriptors.
  Status open();
  /// Before the first request at `fence`.
  void join(AccessFence& fence) { fence.join(*this); }
  void part(AccessFence& fence) { fence.part(*this); }

  bool empty() const { return first_ == nullptr; }

  /// kHeld: `entry` waits, and the client will hear of it. A request waits also behind another of
  /// its fence that was held before it.
  AccessFence::Entry enter(FenceEntry& entry, AccessFence& fence, unsigned lane,
                           AccessFence::Access access);
  /// `entry` met a conflict. True: it waits for a verdict; false: it is still inside, and the
  /// conflict is its answer.
  bool awaitVerdict(FenceEntry& entry);
  /// `entry` waits no more; the client hears nothing.
  void cancel(FenceEntry& entry);

  /// Tells the client of all that may go on; returns how many. `giveUpAt`: the queue's.
  unsigned collect(int64_t giveUpAt);
  /// Ends all waiting at once; returns how many there were.
  unsigned giveUp();

 private:
  void fenceMoved() override;

  unsigned letPass();
  bool isBehindHeld(const AccessFence& fence, const FenceEntry* end) const;
  void append(FenceEntry& entry);

  FenceClient& client_;
  IoChannel& channel_;
  EventFd wake_;
  TimerFd timer_;
  std::atomic<bool> moved_{false};
  int64_t armedFor_ = kNever;
  FenceEntry* first_ = nullptr;
  FenceEntry* last_ = nullptr;
};

}  // namespace holdfast
