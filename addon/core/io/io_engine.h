#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "core/base/status.h"
#include "core/io/io_request.h"

namespace holdfast {

enum class EngineKind : uint8_t { kIoUring, kLibaio, kSync };

/// Moves reads, writes and syncs between one thread and the kernel. Made, used and destroyed on
/// that thread; with nothing in flight when destroyed.
class IoEngine {
 public:
  /// Most operations in flight at once; prepare() needs room.
  static constexpr unsigned kDepth = 1024;

  virtual ~IoEngine() = default;

  /// Requests may name `target` from now on, until remove().
  virtual Status add(const IoTarget& target) = 0;
  virtual void remove(const IoTarget& target) = 0;

  /// sleep() returns when `fd` (an eventfd) is signalled. Its counter is never read: every
  /// signal is an edge.
  virtual Status watch(int fd) = 0;
  virtual void unwatch(int fd) = 0;

  /// Queues kRead, kWrite or kSync for submit().
  virtual void prepare(IoRequest& request) = 0;
  /// Hands everything prepared to the kernel in one call where it can.
  virtual void submit() = 0;
  /// Fills `completed` with operations that ended (`transferred` set) and returns how many.
  virtual unsigned reap(std::span<IoRequest*> completed) = 0;
  /// Waits for a completion or a watched fd. May return early.
  virtual void sleep() = 0;

  unsigned inFlight() const { return inFlight_; }

 protected:
  unsigned inFlight_ = 0;  // prepared or submitted, not yet reaped
};

/// Error: the kernel refuses (sysctl, seccomp, fs.aio-max-nr): take another kind; kSync can't fail
/// for want of a kernel feature.
Result<std::unique_ptr<IoEngine>> makeEngine(EngineKind kind);

Result<std::unique_ptr<IoEngine>> makeUringEngine();
Result<std::unique_ptr<IoEngine>> makeAioEngine();
Result<std::unique_ptr<IoEngine>> makeSyncEngine();

}  // namespace holdfast
