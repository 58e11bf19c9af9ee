#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace holdfast::loadgen {

/// Knows what each block of one queue's part of the device must hold. Blocks are counted from the
/// start of the part. A block has at most one request in flight: claim() it first.
class Verifier {
 public:
  /// `firstSector`: of the part; `blockSize` in bytes.
  Verifier(uint64_t firstSector, uint64_t blockCount, uint32_t blockSize, uint64_t seed);

  /// Reserves `block` or, if it is taken, the next free one. There must be one.
  uint64_t claim(uint64_t block);
  void release(uint64_t block) { states_[block].claimed = false; }

  /// Fills `data` with the block's next generation.
  void prepareWrite(uint64_t block, std::span<std::byte> data);
  /// What is wrong with `data` as the contents of `block`; null when right or never written by us.
  std::optional<std::string> check(uint64_t block, std::span<const std::byte> data) const;

  /// The first written block at or after `block`; null when there is none.
  std::optional<uint64_t> nextWritten(uint64_t block) const;

 private:
  struct BlockState {
    uint32_t generation : 31 = 0;
    uint32_t claimed : 1 = 0;
  };

  uint64_t firstSector_;
  uint64_t sectorsPerBlock_;
  uint64_t seed_;
  std::vector<BlockState> states_;
};

}  // namespace holdfast::loadgen
