#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast::loadgen {

/// What a verified write leaves in one sector.
struct SectorStamp {
  uint64_t sector = 0;
  uint64_t generation = 0;  // counts the writes to the block; 0: never written
  uint64_t seed = 0;

  bool operator==(const SectorStamp&) const = default;
};

inline constexpr size_t kSectorSize = 512;

/// Fills `data` (whole sectors) with contents that only this stamp has: the stamp itself, then
/// words drawn from it. Sector i of `data` is stamped with `first.sector + i`.
void fillSectors(const SectorStamp& first, std::span<std::byte> data);
/// The index of the first sector of `data` that differs from what fillSectors() makes, or the
/// number of sectors if none does.
size_t findWrongSector(const SectorStamp& first, std::span<const std::byte> data);
/// The stamp that a sector claims to have, for the message.
SectorStamp readStamp(std::span<const std::byte> sector);

}  // namespace holdfast::loadgen
