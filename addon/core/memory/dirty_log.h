#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "core/base/event_fd.h"
#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/memory/shared_mapping.h"

namespace holdfast {

/// The bitmap in which a front end that copies its guest's memory learns what it has to copy again
/// (vhost-user.rst, "Migration"): a bit for each page from guest address 0 on. The front end reads
/// and clears it at the same time.
class DirtyLog {
 public:
  static constexpr uint64_t kPageSize = 4096;

  /// Maps `size` bytes from `offset` of `fd`. Errors: SharedMapping's. `onTruncated` as there.
  static Result<std::shared_ptr<const DirtyLog>> map(uint64_t size, uint64_t offset, UniqueFd fd,
                                                     std::shared_ptr<const EventFd> onTruncated);

  /// Whether it has a bit for every page below `guestEnd`.
  bool covers(uint64_t guestEnd) const { return guestEnd <= pages_ * kPageSize; }

  const UniqueFd& file() const { return mapping_->file(); }

  /// Marks the pages of `size` bytes from `guestAddr` that have bits here. To be called when they
  /// have been written: a mark that came before might be cleared, and the page copied, too early.
  void mark(uint64_t guestAddr, uint64_t size) const;

 private:
  explicit DirtyLog(std::unique_ptr<const SharedMapping> mapping)
      : mapping_(std::move(mapping)), pages_(mapping_->size() * 8) {}

  std::unique_ptr<const SharedMapping> mapping_;
  uint64_t pages_;
};

}  // namespace holdfast
