#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "loadgen/arrivals.h"
#include "loadgen/device.h"
#include "loadgen/histogram.h"
#include "loadgen/options.h"
#include "loadgen/slots.h"
#include "loadgen/verifier.h"
#include "loadgen/workload.h"

namespace holdfast::loadgen {

/// Nanoseconds of the steady clock.
uint64_t nowNs();

/// When completions count. Shared by all queues' threads.
struct Window {
  uint64_t startNs = 0;
  uint64_t endNs = 0;
  /// Set by the first thread that fails; the others then stop.
  std::atomic<bool> failed{false};
};

/// What one queue's thread counted within the window; errors and checked reads at any time.
struct Tally {
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t sleeps = 0;
  uint64_t kicks = 0;
  Histogram latencies;
  uint64_t checkedReads = 0;
  /// Requests that failed, and reads whose data was wrong.
  uint64_t errors = 0;
  std::string firstError;
  /// The thread could not go on.
  std::optional<Error> failure;

  void add(const Tally& other);
};

/// The load on one queue. run() is its thread; all memory is taken before.
class QueueLoad {
 public:
  /// `queue`: the nth that takes requests. `part`: the bytes of the device that are this queue's
  /// alone, `partSize` from `partStart`.
  static Result<std::unique_ptr<QueueLoad>> create(Device& device, uint16_t queue,
                                                   const Options& options, uint64_t partStart,
                                                   uint64_t partSize);

  /// Generates load until the window ends, waits for all that is in flight, and with `verify`
  /// reads back all that was written.
  void run(Window& window);
  const Tally& tally() const { return tally_; }

 private:
  QueueLoad(Device& device, uint16_t queue, const Options& options, uint64_t partStart,
            uint64_t partSize, Slots slots);

  Status openEpoll();
  void generate();
  void drain();
  /// Returns when something has been used; fails if nothing is for `drainSeconds`.
  void awaitUsed();
  void readBack();

  void submitDue(uint64_t now);
  void submitClosedLoop(uint64_t now);
  void submitArrivals(uint64_t now);
  void submit(Workload::Operation operation, uint64_t startNs);
  void publish(uint64_t now);

  /// Takes what the device has used by now.
  void reap(uint64_t now);
  void complete(uint16_t slotIndex, uint64_t now);
  void countError(const Slot& slot, const std::string& what);

  /// Waits for a completion, as the options say, or until `deadline`.
  void wait(uint64_t deadline);
  void spin(uint64_t deadline);
  void sleep(uint64_t deadline);
  /// Waits up to `timeout` nanoseconds for an interrupt; fails if the connection ends.
  void takeEvents(uint64_t timeout);
  void fail(Error error);
  bool stopped() const { return window_->failed.load(std::memory_order_relaxed); }
  bool measured(uint64_t now) const { return now >= window_->startNs && now < window_->endNs; }

  Device& device_;
  const uint16_t index_;
  frontend::Virtqueue& queue_;
  const bool indirect_;
  const Options& options_;
  uint64_t firstSector_;
  Slots slots_;
  std::vector<uint16_t> slotOfHead_;
  Workload workload_;
  std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<Arrivals> arrivals_;
  /// A request was due while none could be sent: its latency counts from when it was due.
  bool late_ = false;
  UniqueFd epoll_;
  Window* window_ = nullptr;
  Tally tally_;
};

}  // namespace holdfast::loadgen
