#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/base/event_fd.h"
#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/memory/shared_mapping.h"

namespace holdfast {

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
  /// Maps `description` from `fd`. Errors, each naming the region: any addition wraps;
  /// SharedMapping's. A file that gets shorter later is TruncationGuard's matter; `onTruncated`,
  /// which may be null, tells when that has happened.
  static Result<std::shared_ptr<const MemoryRegion>> map(
      const RegionDescription& description, UniqueFd fd,
      std::shared_ptr<const EventFd> onTruncated = nullptr);

  const RegionDescription& description() const { return description_; }
  std::byte* hostAddr() const { return hostAddr_; }
  const UniqueFd& file() const { return mapping_->file(); }

 private:
  MemoryRegion(const RegionDescription& description, std::unique_ptr<const SharedMapping> mapping)
      : description_(description), mapping_(std::move(mapping)), hostAddr_(mapping_->start()) {}

  RegionDescription description_;
  std::unique_ptr<const SharedMapping> mapping_;
  std::byte* hostAddr_;
};

}  // namespace holdfast
