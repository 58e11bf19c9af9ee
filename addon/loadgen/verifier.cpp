#include "loadgen/verifier.h"

#include <string>

#include "loadgen/pattern.h"

namespace holdfast::loadgen {

namespace {

std::string describe(const SectorStamp& stamp) {
  return "sector " + std::to_string(stamp.sector) + " generation " +
         std::to_string(stamp.generation) + " seed " + std::to_string(stamp.seed);
}

}  // namespace

Verifier::Verifier(uint64_t firstSector, uint64_t blockCount, uint32_t blockSize, uint64_t seed)
    : firstSector_(firstSector),
      sectorsPerBlock_(blockSize / kSectorSize),
      seed_(seed),
      states_(blockCount) {}

uint64_t Verifier::claim(uint64_t block) {
  while (states_[block].claimed) block = (block + 1) % states_.size();
  states_[block].claimed = true;
  return block;
}

void Verifier::prepareWrite(uint64_t block, std::span<std::byte> data) {
  BlockState& state = states_[block];
  state.generation = (state.generation + 1) & 0x7fffffff;
  fillSectors({firstSector_ + block * sectorsPerBlock_, state.generation, seed_}, data);
}

std::optional<std::string> Verifier::check(uint64_t block, std::span<const std::byte> data) const {
  const BlockState& state = states_[block];
  if (state.generation == 0) return std::nullopt;
  const SectorStamp first{firstSector_ + block * sectorsPerBlock_, state.generation, seed_};
  const size_t wrong = findWrongSector(first, data);
  if (wrong == sectorsPerBlock_) return std::nullopt;

  const SectorStamp expected{first.sector + wrong, first.generation, first.seed};
  const SectorStamp found = readStamp(data.subspan(wrong * kSectorSize, kSectorSize));
  if (found == expected) return "in " + describe(expected) + " the data after the stamp is wrong";
  return "expected " + describe(expected) + ", found " + describe(found);
}

std::optional<uint64_t> Verifier::nextWritten(uint64_t block) const {
  while (block < states_.size() && states_[block].generation == 0) ++block;
  if (block >= states_.size()) return std::nullopt;
  return block;
}

}  // namespace holdfast::loadgen
