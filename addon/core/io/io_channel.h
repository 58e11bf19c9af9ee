#pragma once

#include <sys/mman.h>

#include <array>
#include <memory>
#include <span>

#include "core/base/relaxed_counter.h"
#include "core/base/status.h"
#include "core/io/blocking_lane.h"
#include "core/io/io_engine.h"

namespace holdfast {

/// A queue worker's way to its disks: picks direct, bounced or blocking execution, carries short
/// transfers on, and reports each request once, complete.
class IoChannel {
 public:
  /// One bounced request at a time moves through this, piece by piece.
  static constexpr size_t kBounceSize = 1 << 20;
  static constexpr unsigned kReapBatch = 8;

  static Result<std::unique_ptr<IoChannel>> open(EngineKind kind);
  ~IoChannel();

  /// Several may add the same target; it is let go when as many have removed it. Error: the
  /// engine's, and then it isn't added.
  Status add(const IoTarget& target);
  /// Nothing that the caller started on it is in flight.
  void remove(const IoTarget& target);

  Status watch(int fd) { return engine_->watch(fd); }
  void unwatch(int fd) { engine_->unwatch(fd); }

  /// Another request may be started.
  bool hasRoom() const { return inFlight_ < IoEngine::kDepth; }
  unsigned inFlight() const { return inFlight_; }
  uint64_t bounced() const { return bounced_.get(); }

  void start(IoRequest& request);
  /// For a request that came back with an error, and was left as it is: from where it stood.
  void startAgain(IoRequest& request);
  void submit() { engine_->submit(); }
  unsigned reap(std::span<IoRequest*, kReapBatch> completed);
  void sleep() { engine_->sleep(); }

 private:
  IoChannel(std::unique_ptr<IoEngine> engine, std::byte* bounce);
  void begin(IoRequest& request);
  void startNextBounce();
  void prepareBouncePiece(IoRequest& request);
  bool finishTransfer(IoRequest& request);
  bool finishBouncePiece(IoRequest& request);
  bool conclude(IoRequest& request, int result);

  std::unique_ptr<IoEngine> engine_;
  std::array<uint16_t, IoTarget::kMaxSlots> targetUsers_{};
  BlockingLane lane_;
  std::byte* bounce_;
  IoRequestList bounceWaiting_;
  IoRequest* bouncing_ = nullptr;
  IoRequest* laneCompleted_ = nullptr;
  unsigned inFlight_ = 0;
  RelaxedCounter bounced_;
};

}  // namespace holdfast
