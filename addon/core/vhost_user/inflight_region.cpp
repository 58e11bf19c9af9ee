#include "core/vhost_user/inflight_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

namespace holdfast::vhost_user {

Result<UniqueFd> InflightRegion::create(uint64_t size) {
  UniqueFd file(::memfd_create("holdfast-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return systemError("memfd_create of an inflight region", errno);
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
    return systemError("ftruncate of an inflight region", errno);
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return systemError("F_ADD_SEALS of an inflight region", errno);
  return file;
}

Result<std::shared_ptr<const InflightRegion>> InflightRegion::map(
    const InflightDescription& description, UniqueFd fd, uint64_t leastPerQueue,
    uint64_t mostPerQueue, std::shared_ptr<const EventFd> onTruncated) {
  constexpr uint64_t kAlignment = alignof(uint64_t);
  const uint64_t there = description.mmapSize / description.queueCount / kAlignment * kAlignment;
  if (there < leastPerQueue)
    return Error{EINVAL, "the inflight region of " + std::to_string(description.mmapSize) +
                             " bytes has no room for " + std::to_string(description.queueCount) +
                             " queues of " + std::to_string(description.queueSize)};
  if (description.mmapOffset % kAlignment != 0)
    return Error{EINVAL, "the inflight region is misaligned in its file"};
  const uint64_t bytesPerQueue = std::min(there, mostPerQueue);
  auto mapping = SharedMapping::map("the inflight region", std::move(fd), description.mmapOffset,
                                    bytesPerQueue * description.queueCount, std::move(onTruncated));
  if (!mapping) return mapping.error();
  return std::shared_ptr<const InflightRegion>(
      new InflightRegion(std::move(*mapping), description, bytesPerQueue));
}

}  // namespace holdfast::vhost_user
