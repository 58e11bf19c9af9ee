#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/status.h"
#include "core/base/unique_fd.h"

namespace holdfast {

/// Addresses as the vhost-user front end describes a region (vhost-user.rst, "Memory region
/// description"). All in bytes.
struct RegionDescription {
  uint64_t guestAddr = 0;
  uint64_t size = 0;
  uint64_t frontendAddr = 0;
  uint64_t mmapOffset = 0;
  bool operator==(const RegionDescription&) const = default;
};

/// One mapped piece of guest memory; unmapped when the last map and the last in-flight operation
/// that refer to it are gone.
class MemoryRegion {
 public:
  /// Maps `description` from `fd`. Errors: size 0, any addition wraps, or the file is shorter than
  /// the region (a later access would raise SIGBUS).
  static Result<std::shared_ptr<const MemoryRegion>> map(const RegionDescription& description,
                                                         UniqueFd fd);
  ~MemoryRegion();
  MemoryRegion(const MemoryRegion&) = delete;
  MemoryRegion& operator=(const MemoryRegion&) = delete;

  const RegionDescription& description() const { return description_; }
  std::byte* hostAddr() const { return hostAddr_; }

 private:
  MemoryRegion(const RegionDescription& description, std::byte* mapping, size_t mappingSize);

  RegionDescription description_;
  std::byte* mapping_;
  size_t mappingSize_;
  std::byte* hostAddr_;
};

/// An immutable snapshot of the memory table. Changes make a new map; workers switch to it between
/// two turns, and requests in flight keep the one they were started with.
class MemoryMap {
 public:
  /// 509 as libvhost-user offers: QEMU refuses a back end whose count shrinks over a reconnect.
  static constexpr size_t kMaxRegions = 509;

  MemoryMap() = default;

  /// A copy with `region` added. Errors: full, or it overlaps another in guest addresses.
  Result<std::shared_ptr<const MemoryMap>> with(std::shared_ptr<const MemoryRegion> region) const;
  /// A copy without the region that has these guestAddr, frontendAddr and size. Error: none such.
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

 private:
  static Span clip(const MemoryRegion& region, uint64_t offset, uint64_t size) {
    const uint64_t left = region.description().size - offset;
    return {region.hostAddr() + offset, size < left ? size : left};
  }
  Span searchGuest(uint64_t guestAddr, uint64_t size, uint32_t& cachedRegion) const;

  std::vector<std::shared_ptr<const MemoryRegion>> regions_;  // ascending guestAddr
};

}  // namespace holdfast
