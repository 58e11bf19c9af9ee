#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>

#include "core/base/clock.h"
#include "core/base/relaxed_counter.h"
#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/memory/dirty_log.h"
#include "core/memory/map_epoch.h"
#include "core/virtio/ring.h"

namespace holdfast::virtio {

/// What one queue did since its attachment began; read by any thread.
struct QueueCounters {
  RelaxedCounter requests, readBytes, writtenBytes, flushes, discards, failed, bounced;
  RelaxedCounter calls;
  RelaxedCounter started, completed;
};

/// Where a queue marks what it writes to guest memory; null: nowhere.
struct DirtyLogs {
  std::shared_ptr<const DirtyLog> buffers;
  std::shared_ptr<const DirtyLog> ring;
  /// Stands for a split ring's first used byte; the front end's choice.
  uint64_t ringAddr = 0;
};

/// A started virtqueue: the ring, its event fds and what is in flight. Owned by one queue worker.
class Virtqueue {
 public:
  /// An interrupt wakes the driver's CPU, which costs as much as several requests. Fewer waiting
  /// chains than this, and the device might idle before the driver has woken up.
  static constexpr uint16_t kBacklog = 32;
  /// Most finished chains that an interrupt is put off for.
  static constexpr uint16_t kSignalBatch = 64;

  Virtqueue(uint16_t index, QueueCounters& counters) : index_(index), counters_(counters) {}

  uint16_t index() const { return index_; }
  QueueCounters& counters() { return counters_; }
  Ring& ring() { return ring_; }
  MapEpoch* epoch() { return epoch_; }
  unsigned inFlight() const { return inFlight_; }

  Status attach(MapEpoch& epoch, const RingParameters& parameters);
  Status switchTo(MapEpoch& epoch);

  void setDirtyLogs(DirtyLogs logs);
  /// Whether markWritten() is to be called for every buffer that was written to.
  bool logsBuffers() const { return logs_.buffers != nullptr; }
  /// Marks the first `size` bytes of the buffers, which were found in the map of `epoch`. Comes
  /// after the writes and before finish().
  void markWritten(const MapEpoch& epoch, const iovec* iov, uint32_t count, uint64_t size);

  void setKick(UniqueFd kick);
  void setCall(UniqueFd call) { call_ = std::move(call); }
  /// The driver may find nothing: spurious interrupts are allowed.
  void interrupt();
  void setErr(UniqueFd err) { err_ = std::move(err); }
  const UniqueFd& kick() const { return kick_; }
  int kickFd() const { return kick_.get(); }
  /// An eventfd's counter is left alone: each signal is an edge for the poller. A pipe (user-mode
  /// Linux's) would fill up.
  void drainKick();

  bool serving() const { return enabled_ && !stopping_ && !broken_; }
  void enable() {
    enabled_ = true;
    giveUpAt_ = kNever;
  }
  /// It is to be enabled again. `giveUpAt`: see giveUpAt().
  void disable(int64_t giveUpAt) {
    enabled_ = false;
    giveUpAt_ = giveUpAt;
  }
  void stopServing(int64_t giveUpAt) {
    stopping_ = true;
    giveUpAt_ = giveUpAt;
  }
  /// When requests that wait for the control plane end without it, since the front end waits for
  /// them: of CLOCK_MONOTONIC, nanoseconds. kNever: it doesn't.
  int64_t giveUpAt() const { return giveUpAt_; }
  bool broken() const { return broken_; }
  /// Ends service of this ring and tells the front end through its error fd.
  void markBroken();

  /// Takes the next chain; a broken ring is marked and counts as empty.
  bool pop(DescriptorChain& chain);
  /// The chain's request begins: it pins the current memory map.
  MapEpoch* begin() {
    ++inFlight_;
    counters_.started.add();
    ++epoch_->inFlight;
    return epoch_;
  }
  /// The request that pinned `epoch` is over, with `length` bytes written to guest memory.
  void finish(MapEpoch& epoch, const DescriptorChain& chain, uint32_t length) {
    ring_.push(chain, length);
    --inFlight_;
    counters_.completed.add();
    --epoch.inFlight;
  }
  /// Shows finished chains to the driver; interrupts it if it asked. With `moreToStart` this is
  /// called again after at once starting chains that wait: the interrupt can then be put off while
  /// so many wait that the driver's next ones aren't needed to keep us at work.
  void publish(bool moreToStart = false);

  /// Of the ring, with their marks in the dirty log.
  void requestKick() {
    ring_.requestKick();
    markRing();
  }
  void suppressKick() {
    ring_.suppressKick();
    markRing();
  }

 private:
  void markRing() {
    if (logs_.ring) [[unlikely]]
      ring_.mark(*logs_.ring, *epoch_->map, logs_.ringAddr);
  }

  const uint16_t index_;
  QueueCounters& counters_;
  Ring ring_;
  MapEpoch* epoch_ = nullptr;
  DirtyLogs logs_;
  UniqueFd kick_, call_, err_;
  unsigned inFlight_ = 0;
  int64_t giveUpAt_ = kNever;
  bool kickFillsUp_ = false;
  bool enabled_ = false;
  bool stopping_ = false;
  bool broken_ = false;
};

/// What a device type does with the chains of one queue. Called by the queue's worker only.
class QueueHandler {
 public:
  virtual ~QueueHandler() = default;
  /// Pops and starts at most `budget` chains; returns how many.
  virtual unsigned serve(unsigned budget) = 0;
  /// False: chains that wait in the ring are left there for now, and a turn is no use to them.
  virtual bool wantsChains() const = 0;
  /// Finishes what ended elsewhere than on the channel; returns how much. Comes after the channel
  /// was reaped, so that no signal of an event fd is used up before its cause is looked for. Also
  /// while the queue isn't serving.
  virtual unsigned collect() { return 0; }
  /// The front end is gone: what waits for the control plane to let it begin ends now.
  virtual void giveUpWaiting() {}
};

}  // namespace holdfast::virtio
