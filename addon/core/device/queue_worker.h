#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/event_fd.h"
#include "core/base/status.h"
#include "core/device/admission.h"
#include "core/device/poll_window.h"
#include "core/io/io_channel.h"
#include "core/memory/map_epoch.h"
#include "core/virtio/virtqueue.h"

namespace holdfast {

/// A virtqueue with what serves it.
struct ServedQueue {
  std::unique_ptr<virtio::Virtqueue> queue;
  std::unique_ptr<virtio::QueueHandler> handler;
};

/// The thread that serves one ring or a group of rings, and the only one that touches them.
///
/// Everything else happens on it by call(); between two turns, so that the data path needs no lock.
class QueueWorker {
 public:
  /// Most requests started per queue before they are submitted and completions are signalled:
  /// small turns let the guest's side and ours work at once instead of in turn.
  static constexpr unsigned kTurn = 8;

  struct Options {
    std::string name;  // of the thread, at most 15 characters
    EngineKind engine = EngineKind::kSync;
    /// Of the attachment, which outlives the worker.
    const Admission& admission;
    int64_t pollNanoseconds = 0;
  };

  /// Error: the engine can't be made, or no thread.
  static Result<std::unique_ptr<QueueWorker>> start(Options options);
  /// Every queue must have been removed.
  ~QueueWorker();

  /// Runs `step` on the worker's thread between two turns, again and again until it returns true,
  /// while the queues are served; returns then. Not from the worker itself, one caller at a time.
  void call(std::function<bool()> step);

  // The rest is for steps only.
  IoChannel& channel() { return *channel_; }
  MapEpoch* epoch() { return epochs_.empty() ? nullptr : epochs_.back().get(); }
  /// Requests started from now on use `map`; the epochs before end with their last request.
  void enterEpoch(std::shared_ptr<const MemoryMap> map);
  /// No queue is left: guest memory is let go.
  void leaveEpochs() { epochs_.clear(); }
  Status add(ServedQueue served);
  ServedQueue* find(uint16_t index);
  void remove(uint16_t index);

 private:
  explicit QueueWorker(Options options)
      : options_(std::move(options)), poll_(options_.pollNanoseconds) {}

  void run();
  void serveUntilQuit();
  bool turn();
  bool spin();
  void sleep(int64_t window, int64_t idleSince);
  bool workWaits();
  bool serves(const ServedQueue& served) const {
    return served.queue->serving() && options_.admission.open();
  }
  void runCommand();
  void dropOldEpochs();

  const Options options_;
  PollWindow poll_;
  std::unique_ptr<IoChannel> channel_;
  std::vector<ServedQueue> queues_;
  std::vector<std::unique_ptr<MapEpoch>> epochs_;  // the last is current
  EventFd wake_;
  std::atomic<std::function<bool()>*> command_{nullptr};
  std::function<bool()>* triedCommand_ = nullptr;  // it waits for a completion
  std::atomic<bool> quit_{false};
  bool polls_ = false;  // a queue has no kick fd
  int64_t spunWindow_ = 0;
  int64_t idleSince_ = 0;
  Status outcome_;  // of starting
  std::atomic<bool> started_{false};
  std::thread thread_;
};

}  // namespace holdfast
