#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "core/base/event_fd.h"
#include "core/scsi/scsi_protocol.h"

namespace holdfast::scsi {

/// The events that the driver has not been told of. Few are kept, and none while no event queue
/// runs: what is lost is made up for by EVENTS_MISSED, upon which a driver scans (virtio 1.4,
/// 5.6.6.3).
class EventLog {
 public:
  /// So many a driver has buffers for, as the specification advises.
  static constexpr size_t kMaxEvents = 16;

  // Any thread.

  /// `wanted`: the driver that is there, if one is, negotiated events of this kind.
  void post(const Event& event, bool wanted);

  // The event queue.
  bool valid() const { return posted_.valid(); }
  /// Signalled when there is something to tell.
  int eventFd() const { return posted_.get(); }
  void queueStarted();
  void queueStopped();
  bool empty() const { return !filled_.load(std::memory_order_acquire); }
  /// Forgets all events, as missed: there is no buffer for them.
  void dropAll();
  /// The next to tell, with EVENTS_MISSED set if others were lost before it.
  std::optional<Event> take();

 private:
  void note();

  EventFd posted_;
  std::mutex mutex_;
  std::deque<Event> events_;
  bool missed_ = false;
  bool running_ = false;
  /// A driver was there: it may know of logical units, and so miss something.
  bool hasRun_ = false;
  std::atomic<bool> filled_{false};
};

}  // namespace holdfast::scsi
