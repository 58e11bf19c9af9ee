#include "core/memory/dirty_log.h"

#include <algorithm>
#include <atomic>

namespace holdfast {

Result<std::shared_ptr<const DirtyLog>> DirtyLog::map(uint64_t size, uint64_t offset, UniqueFd fd,
                                                      std::shared_ptr<const EventFd> onTruncated) {
  auto mapping =
      SharedMapping::map("the dirty log", std::move(fd), offset, size, std::move(onTruncated));
  if (!mapping) return mapping.error();
  return std::shared_ptr<const DirtyLog>(new DirtyLog(std::move(*mapping)));
}

void DirtyLog::mark(uint64_t guestAddr, uint64_t size) const {
  if (size == 0) return;
  const uint64_t lastByte = guestAddr + std::min(size - 1, UINT64_MAX - guestAddr);
  const uint64_t end = std::min(lastByte / kPageSize + 1, pages_);
  auto* bits = reinterpret_cast<uint8_t*>(mapping_->start());
  for (uint64_t page = guestAddr / kPageSize; page < end;) {
    const uint64_t byte = page / 8;
    unsigned mask = 0;
    do {
      mask |= 1U << page % 8;
    } while (++page < end && page / 8 == byte);
    // Always a locked instruction, even if the bits are set: it is also the barrier between the
    // write to the page and the mark.
    std::atomic_ref<uint8_t>(bits[byte]).fetch_or(static_cast<uint8_t>(mask));
  }
}

}  // namespace holdfast
