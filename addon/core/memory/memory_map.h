#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/status.h"
#include "core/memory/memory_region.h"

namespace holdfast {

/// An immutable snapshot of the memory table. Changes make a new map; workers switch to it between
/// two turns, and requests in flight keep the one they were started with.
class MemoryMap {
 public:
  /// 509 as libvhost-user offers: QEMU refuses a back end whose count shrinks over a reconnect.
  static constexpr size_t kMaxRegions = 509;

  MemoryMap() = default;

  /// A copy with `region` added. Errors: full, or it overlaps another in guest addresses. (In front
  /// end addresses it may: memory can appear to the guest twice.)
  Result<std::shared_ptr<const MemoryMap>> with(std::shared_ptr<const MemoryRegion> region) const;
  /// A copy without the region that has these guestAddr, frontendAddr and size; mmapOffset doesn't
  /// count (vhost-user.rst, REM_MEM_REG). Error: none such.
  Result<std::shared_ptr<const MemoryMap>> without(const RegionDescription& description) const;

  size_t size() const { return regions_.size(); }
  const std::vector<std::shared_ptr<const MemoryRegion>>& regions() const { return regions_; }

  /// The host address of `size` bytes at `guestAddr`, and how many of them are contiguous in one
  /// region (a descriptor may cross regions: call again for the rest). Null: not mapped.
  /// `cachedRegion` is the caller's memory of the last hit: any value is safe.
  struct Span {
    std::byte* hostAddr = nullptr;
    uint64_t size = 0;
  };
  Span fromGuest(uint64_t guestAddr, uint64_t size, uint32_t& cachedRegion) const {
    if (cachedRegion < regions_.size()) {
      const MemoryRegion& region = *regions_[cachedRegion];
      const uint64_t offset = guestAddr - region.description().guestAddr;
      if (offset < region.description().size) return clip(region, offset, size);
    }
    return searchGuest(guestAddr, size, cachedRegion);
  }
  /// The host address of `size` bytes at the front end's own address, wholly in one region, or null
  /// (vring addresses are given this way).
  std::byte* fromFrontend(uint64_t frontendAddr, uint64_t size) const;
  /// The other way round: the guest address of what is mapped at `hostAddr`; null: nothing is.
  std::optional<uint64_t> guestAddrOf(const std::byte* hostAddr) const;
  /// Behind the last byte of guest memory.
  uint64_t guestEnd() const;

 private:
  static Span clip(const MemoryRegion& region, uint64_t offset, uint64_t size) {
    const uint64_t left = region.description().size - offset;
    return {region.hostAddr() + offset, size < left ? size : left};
  }
  Span searchGuest(uint64_t guestAddr, uint64_t size, uint32_t& cachedRegion) const;

  std::vector<std::shared_ptr<const MemoryRegion>> regions_;  // ascending guestAddr
};

}  // namespace holdfast
