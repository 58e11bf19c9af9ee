#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/base/event_fd.h"
#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/memory/shared_mapping.h"
#include "core/vhost_user/message.h"

namespace holdfast::vhost_user {

/// What a queue takes of a region, for rings of some size.
struct InflightBytes {
  uint64_t negotiated;  // with the features that are acknowledged
  uint64_t most;        // whatever they will be
};

/// Memory that the front end keeps for us over our own end, in which each queue notes what it has
/// taken from its ring ("Inflight I/O tracking"). It belongs to both sides: what is in it can
/// change at any time.
class InflightRegion {
 public:
  /// Memory for a front end that has none yet, zeroed; nobody can make it shorter. Errors:
  /// memfd_create's, ftruncate's and fcntl's.
  static Result<UniqueFd> create(uint64_t size);

  /// The one that SET_INFLIGHT_FD describes, of which a queue needs `leastPerQueue` bytes and uses
  /// `mostPerQueue` if they are there. Errors: it is too small; SharedMapping's.
  static Result<std::shared_ptr<const InflightRegion>> map(
      const InflightDescription& description, UniqueFd fd, uint64_t leastPerQueue,
      uint64_t mostPerQueue, std::shared_ptr<const EventFd> onTruncated);

  const InflightDescription& description() const { return description_; }
  const UniqueFd& file() const { return mapping_->file(); }
  uint16_t queueCount() const { return description_.queueCount; }
  /// Descriptors that the front end says a ring has at most.
  uint16_t queueSize() const { return description_.queueSize; }
  /// A multiple of eight.
  uint64_t bytesPerQueue() const { return bytesPerQueue_; }
  /// The part of a queue below queueCount().
  std::byte* queue(uint16_t index) const { return mapping_->start() + index * bytesPerQueue_; }

 private:
  InflightRegion(std::unique_ptr<const SharedMapping> mapping,
                 const InflightDescription& description, uint64_t bytesPerQueue)
      : mapping_(std::move(mapping)), description_(description), bytesPerQueue_(bytesPerQueue) {}

  std::unique_ptr<const SharedMapping> mapping_;
  InflightDescription description_;
  uint64_t bytesPerQueue_;
};

}  // namespace holdfast::vhost_user
