#pragma once

#include <memory>
#include <vector>

#include "core/base/event_fd.h"
#include "core/base/status.h"
#include "core/memory/memory_map.h"
#include "core/vhost_user/device.h"
#include "core/vhost_user/message.h"

namespace holdfast::vhost_user {

/// The guest memory that SET_MEM_TABLE, ADD_MEM_REG and REM_MEM_REG describe. It lives until the
/// connection ends, over every stop and reset: QEMU sends only differences. A change that is
/// refused leaves everything as it was. Errors are refusals: why, without the message's name.
class MemoryTable {
 public:
  explicit MemoryTable(Device& device) : device_(device) {}

  /// SET_MEM_TABLE: these regions and no others; the message's fds are theirs, in order.
  Status replace(Message& message);
  /// ADD_MEM_REG.
  Status add(Message& message);
  /// REM_MEM_REG.
  Status remove(const Message& message);

  /// Adds the ADD_MEM_REGs that would bring another table here. Error: no descriptor is left.
  Status retell(std::vector<Message>& told) const;

  bool empty() const { return map_->size() == 0; }
  /// Behind the last byte of guest memory.
  uint64_t guestEnd() const { return map_->guestEnd(); }
  /// Signalled once the file of a region, or of another mapping that got it, turns out to have been
  /// truncated.
  const std::shared_ptr<const EventFd>& truncated() const { return truncated_; }

 private:
  /// A copy of `map` with the region mapped from `fds[index]`; the fd is missing if there is none.
  Result<std::shared_ptr<const MemoryMap>> mapInto(const MemoryMap& map,
                                                   const RegionDescription& description,
                                                   std::vector<UniqueFd>& fds, size_t index) const;
  Status use(Result<std::shared_ptr<const MemoryMap>> map);

  Device& device_;
  std::shared_ptr<const EventFd> truncated_ = std::make_shared<EventFd>();
  std::shared_ptr<const MemoryMap> map_ = std::make_shared<MemoryMap>();
};

}  // namespace holdfast::vhost_user
