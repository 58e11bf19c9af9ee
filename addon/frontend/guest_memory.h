#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/memory/memory_map.h"

namespace holdfast::frontend {

/// The memory of a guest that exists only for its disk: memfd regions at any guest address, mapped
/// here, and a bump allocator over them. All sizes in bytes.
class GuestMemory {
 public:
  struct Region {
    RegionDescription description;  // frontendAddr is where it is mapped in this process
    UniqueFd file;
    std::byte* hostAddr = nullptr;
    uint64_t allocated = 0;
  };

  GuestMemory() = default;
  GuestMemory(GuestMemory&& other) noexcept = default;
  GuestMemory& operator=(GuestMemory&& other) noexcept;
  ~GuestMemory() { unmapAll(); }

  /// Adds a region of `size` bytes that the guest sees at `guestAddr`, backed by a memfd of
  /// `mmapOffset + size` bytes. `mmapOffset` is a multiple of the page size. Errors:
  /// memfd_create's, ftruncate's and mmap's. Overlaps are not refused: hostile tests want them.
  Status addRegion(uint64_t guestAddr, uint64_t size, uint64_t mmapOffset = 0);
  /// Adds a region whose guest address is its address in this process, as libblkio does: huge
  /// "guest addresses" that no table can be indexed by.
  Status addRegionAtHostAddr(uint64_t size);
  /// Unmaps and closes the region at `guestAddr`. Error: ENOENT.
  Status removeRegion(uint64_t guestAddr);

  const std::vector<Region>& regions() const { return regions_; }
  std::vector<RegionDescription> descriptions() const;
  /// The regions' files in the order of descriptions(); they stay this object's.
  std::vector<int> files() const;

  /// Takes `size` bytes aligned to `alignment` (a power of two) from the first region with room;
  /// returns the guest address. Nothing is ever given back. Error: ENOMEM.
  Result<uint64_t> allocate(uint64_t size, uint64_t alignment);

  /// Where `size` bytes at `guestAddr` are mapped here; null unless one region holds them all.
  std::byte* hostAddr(uint64_t guestAddr, uint64_t size = 1) const;

 private:
  Status addMapped(uint64_t guestAddr, uint64_t size, uint64_t mmapOffset, bool atHostAddr);
  void unmapAll();

  std::vector<Region> regions_;
};

}  // namespace holdfast::frontend
