#include "loadgen/pattern.h"

#include <array>
#include <cstring>

namespace holdfast::loadgen {

namespace {

using Sector = std::array<uint64_t, kSectorSize / sizeof(uint64_t)>;

/// The output function of SplitMix64 (Steele, Lea and Flood, 2014).
uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

Sector makeSector(const SectorStamp& stamp) {
  Sector words;
  words[0] = stamp.sector;
  words[1] = stamp.generation;
  words[2] = stamp.seed;
  uint64_t state = mix(stamp.sector ^ mix(stamp.generation ^ mix(stamp.seed)));
  for (size_t i = 3; i < words.size(); ++i) words[i] = mix(state += 0x9e3779b97f4a7c15);
  return words;
}

Sector sectorAt(const SectorStamp& first, size_t index) {
  return makeSector({first.sector + index, first.generation, first.seed});
}

}  // namespace

void fillSectors(const SectorStamp& first, std::span<std::byte> data) {
  for (size_t i = 0; i < data.size() / kSectorSize; ++i) {
    const Sector sector = sectorAt(first, i);
    std::memcpy(data.data() + i * kSectorSize, sector.data(), kSectorSize);
  }
}

size_t findWrongSector(const SectorStamp& first, std::span<const std::byte> data) {
  const size_t count = data.size() / kSectorSize;
  for (size_t i = 0; i < count; ++i) {
    const Sector sector = sectorAt(first, i);
    if (std::memcmp(data.data() + i * kSectorSize, sector.data(), kSectorSize) != 0) return i;
  }
  return count;
}

SectorStamp readStamp(std::span<const std::byte> sector) {
  uint64_t words[3] = {};
  std::memcpy(words, sector.data(), sizeof words);
  return {words[0], words[1], words[2]};
}

}  // namespace holdfast::loadgen
