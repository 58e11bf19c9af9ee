#include "core/memory/memory_map.h"

#include <algorithm>
#include <cerrno>

namespace holdfast {
namespace {

using Region = std::shared_ptr<const MemoryRegion>;

bool startsAbove(uint64_t guestAddr, const Region& region) {
  return guestAddr < region->description().guestAddr;
}

bool overlap(const RegionDescription& a, const RegionDescription& b) {
  return a.guestAddr < b.guestAddr + b.size && b.guestAddr < a.guestAddr + a.size;
}

}  // namespace

Result<std::shared_ptr<const MemoryMap>> MemoryMap::with(Region region) const {
  const RegionDescription& added = region->description();
  if (regions_.size() >= kMaxRegions)
    return Error{ENOSPC, describe(added) + " is one more than the " + std::to_string(kMaxRegions) +
                             " there is room for"};
  for (const Region& present : regions_)
    if (overlap(present->description(), added))
      return Error{EEXIST, describe(added) + " overlaps " + describe(present->description())};

  auto map = std::make_shared<MemoryMap>(*this);
  const auto place =
      std::upper_bound(map->regions_.begin(), map->regions_.end(), added.guestAddr, startsAbove);
  map->regions_.insert(place, std::move(region));
  return std::shared_ptr<const MemoryMap>(std::move(map));
}

Result<std::shared_ptr<const MemoryMap>> MemoryMap::without(
    const RegionDescription& description) const {
  auto map = std::make_shared<MemoryMap>(*this);
  const auto removed = std::erase_if(map->regions_, [&](const Region& region) {
    const RegionDescription& present = region->description();
    return present.guestAddr == description.guestAddr && present.size == description.size &&
           present.frontendAddr == description.frontendAddr;
  });
  if (removed == 0) return Error{ENOENT, describe(description) + " is not there"};
  return std::shared_ptr<const MemoryMap>(std::move(map));
}

MemoryMap::Span MemoryMap::searchGuest(uint64_t guestAddr, uint64_t size,
                                       uint32_t& cachedRegion) const {
  const auto above = std::upper_bound(regions_.begin(), regions_.end(), guestAddr, startsAbove);
  if (above == regions_.begin()) return {};
  const MemoryRegion& region = **(above - 1);
  const uint64_t offset = guestAddr - region.description().guestAddr;
  if (offset >= region.description().size) return {};
  cachedRegion = static_cast<uint32_t>(above - 1 - regions_.begin());
  return clip(region, offset, size);
}

std::byte* MemoryMap::fromFrontend(uint64_t frontendAddr, uint64_t size) const {
  for (const Region& region : regions_) {
    const RegionDescription& description = region->description();
    const uint64_t offset = frontendAddr - description.frontendAddr;
    if (offset < description.size && size <= description.size - offset)
      return region->hostAddr() + offset;
  }
  return nullptr;
}

std::optional<uint64_t> MemoryMap::guestAddrOf(const std::byte* hostAddr) const {
  for (const Region& region : regions_) {
    const auto offset = static_cast<uint64_t>(hostAddr - region->hostAddr());
    if (offset < region->description().size) return region->description().guestAddr + offset;
  }
  return {};
}

uint64_t MemoryMap::guestEnd() const {
  if (regions_.empty()) return 0;
  const RegionDescription& last = regions_.back()->description();
  return last.guestAddr + last.size;
}

}  // namespace holdfast
