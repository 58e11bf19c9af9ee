#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/base/event_fd.h"
#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/memory/truncation_guard.h"

namespace holdfast {

/// What to tell a user whose guest doesn't share its memory.
inline constexpr char kShareMemoryAdvice[] =
    "share the guest's memory: start QEMU with -object memory-backend-memfd,id=mem,size=...,"
    "share=on and -machine memory-backend=mem";

/// Addresses as the vhost-user front end describes a region (vhost-user.rst, "Memory region
/// description"). All in bytes.
struct RegionDescription {
  uint64_t guestAddr = 0;
  uint64_t size = 0;
  uint64_t frontendAddr = 0;
  uint64_t mmapOffset = 0;
  bool operator==(const RegionDescription&) const = default;
};

/// "the memory region of 0x1000 bytes at guest address 0x0", for messages.
std::string describe(const RegionDescription& description);

/// One mapped piece of guest memory; unmapped when the last map and the last in-flight operation
/// that refer to it are gone.
class MemoryRegion {
 public:
  /// Maps `description` from `fd`, shared, and left out of core dumps and of child processes (a
  /// fork would copy pages that direct I/O is writing to). Errors, each naming the region: no fd,
  /// not a file of shared memory (both with kShareMemoryAdvice), size 0, any addition wraps, or the
  /// file is shorter than the region; fstat's and mmap's. A file that gets shorter later is
  /// TruncationGuard's matter; `onTruncated`, which may be null, tells when that has happened.
  static Result<std::shared_ptr<const MemoryRegion>> map(
      const RegionDescription& description, UniqueFd fd,
      std::shared_ptr<const EventFd> onTruncated = nullptr);
  ~MemoryRegion();
  MemoryRegion(const MemoryRegion&) = delete;
  MemoryRegion& operator=(const MemoryRegion&) = delete;

  const RegionDescription& description() const { return description_; }
  std::byte* hostAddr() const { return hostAddr_; }

 private:
  MemoryRegion(const RegionDescription& description, std::byte* mapping, size_t mappingSize,
               size_t headSize, std::shared_ptr<const EventFd> onTruncated)
      : description_(description),
        mapping_(mapping),
        mappingSize_(mappingSize),
        hostAddr_(mapping + headSize),
        guard_(std::in_place, mapping, mappingSize, std::move(onTruncated)) {}

  RegionDescription description_;
  std::byte* mapping_;
  size_t mappingSize_;
  std::byte* hostAddr_;
  std::optional<TruncationGuard> guard_;
};

}  // namespace holdfast
