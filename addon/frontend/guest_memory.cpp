#include "frontend/guest_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace holdfast::frontend {

GuestMemory& GuestMemory::operator=(GuestMemory&& other) noexcept {
  unmapAll();
  regions_ = std::exchange(other.regions_, {});
  return *this;
}

Status GuestMemory::addRegion(uint64_t guestAddr, uint64_t size, uint64_t mmapOffset) {
  return addMapped(guestAddr, size, mmapOffset, false);
}

Status GuestMemory::addRegionAtHostAddr(uint64_t size) {
  return addMapped(0, size, 0, true);
}

Status GuestMemory::addMapped(uint64_t guestAddr, uint64_t size, uint64_t mmapOffset,
                              bool atHostAddr) {
  UniqueFd file(::memfd_create("guest-memory", MFD_CLOEXEC));
  if (!file) return systemError("memfd_create", errno);
  if (::ftruncate(file.get(), static_cast<off_t>(mmapOffset + size)) != 0) {
    return systemError("cannot size the guest's memory", errno);
  }
  void* mapping = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(),
                         static_cast<off_t>(mmapOffset));
  if (mapping == MAP_FAILED) return systemError("cannot map the guest's memory", errno);

  const uint64_t frontendAddr = reinterpret_cast<uintptr_t>(mapping);
  const RegionDescription description{atHostAddr ? frontendAddr : guestAddr, size, frontendAddr,
                                      mmapOffset};
  regions_.push_back(Region{description, std::move(file), static_cast<std::byte*>(mapping), 0});
  return {};
}

Status GuestMemory::removeRegion(uint64_t guestAddr) {
  const auto found = std::find_if(regions_.begin(), regions_.end(), [&](const Region& region) {
    return region.description.guestAddr == guestAddr;
  });
  if (found == regions_.end()) return systemError("no region at this address", ENOENT);
  ::munmap(found->hostAddr, found->description.size);
  regions_.erase(found);
  return {};
}

void GuestMemory::unmapAll() {
  for (const Region& region : regions_) ::munmap(region.hostAddr, region.description.size);
  regions_.clear();
}

std::vector<RegionDescription> GuestMemory::descriptions() const {
  std::vector<RegionDescription> descriptions;
  descriptions.reserve(regions_.size());
  for (const Region& region : regions_) descriptions.push_back(region.description);
  return descriptions;
}

std::vector<int> GuestMemory::files() const {
  std::vector<int> files;
  files.reserve(regions_.size());
  for (const Region& region : regions_) files.push_back(region.file.get());
  return files;
}

Result<uint64_t> GuestMemory::allocate(uint64_t size, uint64_t alignment) {
  for (Region& region : regions_) {
    const uint64_t base = region.description.guestAddr;
    const uint64_t start = (base + region.allocated + alignment - 1) & ~(alignment - 1);
    const uint64_t offset = start - base;
    if (offset > region.description.size || size > region.description.size - offset) continue;
    region.allocated = offset + size;
    return start;
  }
  return systemError("guest memory", ENOMEM);
}

std::byte* GuestMemory::hostAddr(uint64_t guestAddr, uint64_t size) const {
  for (const Region& region : regions_) {
    const uint64_t offset = guestAddr - region.description.guestAddr;
    if (offset < region.description.size && size <= region.description.size - offset) {
      return region.hostAddr + offset;
    }
  }
  return nullptr;
}

}  // namespace holdfast::frontend
