#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/status.h"
#include "frontend/guest_memory.h"
#include "frontend/split_ring.h"
#include "loadgen/device.h"
#include "loadgen/options.h"

namespace holdfast::loadgen {

/// One request that may be in flight: its guest memory, and what is known about it.
struct Slot {
  std::byte* header = nullptr;
  std::byte* answer = nullptr;
  std::span<std::byte> data;
  uint64_t table = 0;  // guest address of the indirect table
  std::byte* tableHost = nullptr;
  std::vector<frontend::Buffer> readChain, writeChain;

  uint64_t startNs = 0;
  uint64_t block = 0;
  bool read = false;
};

/// The slots of one queue, `depth` of them, and which of them are free.
class Slots {
 public:
  /// Bytes of guest memory that create() takes for one queue, alignment included.
  static uint64_t memoryNeeded(const Options& options);
  /// Error: ENOMEM.
  static Result<Slots> create(frontend::GuestMemory& memory, const Options& options);

  bool hasFree() const { return !free_.empty(); }
  size_t inFlight() const { return slots_.size() - free_.size(); }
  /// The index of a slot that was free.
  uint16_t take();
  void give(uint16_t index) { free_.push_back(index); }
  Slot& operator[](uint16_t index) { return slots_[index]; }

 private:
  std::vector<Slot> slots_;
  std::vector<uint16_t> free_;
};

}  // namespace holdfast::loadgen
