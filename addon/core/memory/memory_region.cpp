#include "core/memory/memory_region.h"

#include <cerrno>
#include <cinttypes>
#include <cstdio>

namespace holdfast {

std::string describe(const RegionDescription& description) {
  char text[112];
  std::snprintf(text, sizeof text,
                "the memory region of 0x%" PRIx64 " bytes at guest address 0x%" PRIx64,
                description.size, description.guestAddr);
  return text;
}

Result<std::shared_ptr<const MemoryRegion>> MemoryRegion::map(
    const RegionDescription& description, UniqueFd fd, std::shared_ptr<const EventFd> onTruncated) {
  const uint64_t largestStart = UINT64_MAX - description.size;
  if (description.guestAddr > largestStart || description.frontendAddr > largestStart)
    return Error{EINVAL, describe(description) + " reaches past the end of its address space"};
  auto mapping = SharedMapping::map(describe(description), std::move(fd), description.mmapOffset,
                                    description.size, std::move(onTruncated));
  if (!mapping) return mapping.error();
  return std::shared_ptr<const MemoryRegion>(new MemoryRegion(description, std::move(*mapping)));
}

}  // namespace holdfast
