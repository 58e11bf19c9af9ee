#include "core/vhost_user/memory_table.h"

#include <cerrno>
#include <cstring>

#include "core/vhost_user/session_state.h"

namespace holdfast::vhost_user {

Status MemoryTable::replace(Message& message) {
  const size_t count = message.read<MemoryTableHeader>().regionCount;
  const auto descriptions = message.payload().subspan(sizeof(MemoryTableHeader));
  // The payload may be longer than its regions: user-mode Linux's is.
  if (count > descriptions.size() / sizeof(RegionDescription))
    return Error{EINVAL, std::to_string(count) + " memory regions in a payload of " +
                             std::to_string(message.header.size) + " bytes"};
  if (message.fds.size() > count)
    return Error{EINVAL, std::to_string(message.fds.size()) + " file descriptors for " +
                             std::to_string(count) + " memory regions"};

  Result<std::shared_ptr<const MemoryMap>> map = std::make_shared<const MemoryMap>();
  for (size_t i = 0; i < count && map; ++i) {
    RegionDescription description;
    std::memcpy(&description, &descriptions[i * sizeof description], sizeof description);
    map = mapInto(**map, description, message.fds, i);
  }
  return use(std::move(map));
}

Status MemoryTable::add(Message& message) {
  return use(mapInto(*map_, message.read<SingleRegion>().region, message.fds, 0));
}

Status MemoryTable::remove(const Message& message) {
  return use(map_->without(message.read<SingleRegion>().region));
}

Status MemoryTable::retell(std::vector<Message>& told) const {
  for (const auto& region : map_->regions()) {
    const SingleRegion single{.region = region->description()};
    if (Status added = tell(told, Request::kAddMemReg, bytesOf(single), region->file()); !added)
      return added;
  }
  return {};
}

Result<std::shared_ptr<const MemoryMap>> MemoryTable::mapInto(const MemoryMap& map,
                                                              const RegionDescription& description,
                                                              std::vector<UniqueFd>& fds,
                                                              size_t index) const {
  UniqueFd fd = index < fds.size() ? std::move(fds[index]) : UniqueFd();
  auto region = MemoryRegion::map(description, std::move(fd), truncated_);
  if (!region) return region.error();
  return map.with(std::move(*region));
}

Status MemoryTable::use(Result<std::shared_ptr<const MemoryMap>> map) {
  if (!map) return map.error();
  Status accepted = device_.setMemory(*map);
  if (accepted.ok()) map_ = std::move(*map);
  return accepted;
}

}  // namespace holdfast::vhost_user
