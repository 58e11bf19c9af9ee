#pragma once

#include <cstddef>
#include <memory>

#include "core/base/event_fd.h"

namespace holdfast {

struct GuardSlot;

/// Keeps this process alive when the file behind a mapping gets shorter than the mapping: the front
/// end can truncate its memory at any time, and every access beyond the new end raises SIGBUS,
/// which would take the disks of all other guests along.
///
/// The first guard installs a handler for SIGBUS. When it meets an address within a guarded mapping
/// it puts zeroed private memory in the place of the *whole* mapping, signals the guard's alarm and
/// lets the access go on: what is read and written from then on is lost, and the connection ends.
/// Any other SIGBUS goes on to the handler that was there before. Direct I/O needs no guard: the
/// kernel fails it with EFAULT.
class TruncationGuard {
 public:
  /// Guards `size` bytes, whole pages, mapped at `start`. `alarm` may be null.
  TruncationGuard(std::byte* start, size_t size, std::shared_ptr<const EventFd> alarm);
  /// Before the mapping goes.
  ~TruncationGuard();
  TruncationGuard(const TruncationGuard&) = delete;
  TruncationGuard& operator=(const TruncationGuard&) = delete;

 private:
  std::shared_ptr<const EventFd> alarm_;
  GuardSlot* slot_;
};

}  // namespace holdfast
