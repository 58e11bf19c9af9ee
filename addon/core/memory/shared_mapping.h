#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/event_fd.h"
#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/memory/truncation_guard.h"

namespace holdfast {

/// A piece of a front end's file, mapped shared, and left out of core dumps and of child processes
/// (a fork would copy pages that direct I/O is writing to). It keeps the file: another process that
/// goes on with the connection has to map it, too.
class SharedMapping {
 public:
  /// `name`: what it is, for messages ("the dirty log"). `offset` and `size` in bytes, of any
  /// alignment; `onTruncated`, which may be null, is signalled when the file turns out to have
  /// become shorter later (see TruncationGuard). Errors, each beginning with the name: no file of
  /// shared memory (with kShareMemoryAdvice), size 0, offset and size wrap, the file is shorter;
  /// fstat's and mmap's.
  static Result<std::unique_ptr<const SharedMapping>> map(
      const std::string& name, UniqueFd fd, uint64_t offset, uint64_t size,
      std::shared_ptr<const EventFd> onTruncated);
  ~SharedMapping();
  SharedMapping(const SharedMapping&) = delete;
  SharedMapping& operator=(const SharedMapping&) = delete;

  std::byte* start() const { return start_; }
  uint64_t size() const { return size_; }
  const UniqueFd& file() const { return file_; }

 private:
  SharedMapping(UniqueFd file, std::byte* mapping, size_t mappingSize, size_t headSize,
                uint64_t size, std::shared_ptr<const EventFd> onTruncated);

  UniqueFd file_;
  std::byte* mapping_;
  size_t mappingSize_;
  std::byte* start_;
  uint64_t size_;
  std::optional<TruncationGuard> guard_;
};

/// What to tell a user whose guest doesn't share its memory.
inline constexpr char kShareMemoryAdvice[] =
    "share the guest's memory: start QEMU with -object memory-backend-memfd,id=mem,size=...,"
    "share=on and -machine memory-backend=mem";

}  // namespace holdfast
