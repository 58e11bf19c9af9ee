#pragma once

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "core/memory/memory_map.h"
#include "core/virtio/ring.h"
#include "frontend/packed_ring.h"
#include "frontend/split_ring.h"

namespace holdfast::test {

/// A guest's memory with a ring in it and the notes of its back ends, all of it shared: back ends
/// may come and go, in this process or in others.
class InflightBench {
 public:
  /// Of the ring, descriptors.
  static constexpr uint16_t kSize = 16;

  explicit InflightBench(bool packed, uint16_t entries = kSize)
      : packed_(packed), entries_(entries) {
    REQUIRE(memory_.addRegion(0, 1 << 20).ok());
    if (packed)
      driver_ = std::make_unique<frontend::PackedRing>(
          *frontend::PackedRing::create(memory_, kSize, true));
    else
      driver_ =
          std::make_unique<frontend::SplitRing>(*frontend::SplitRing::create(memory_, kSize, true));
    noteBytes_ = virtio::inflightBytes(packed, entries);
    void* mapped =
        ::mmap(nullptr, noteBytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(mapped != MAP_FAILED);
    notes_.reset(static_cast<std::byte*>(mapped),
                 [size = noteBytes_](std::byte* start) { ::munmap(start, size); });
  }

  bool packed() const { return packed_; }
  frontend::Ring& driver() { return *driver_; }
  std::byte* notes() { return notes_.get(); }
  size_t noteBytes() const { return noteBytes_; }

  /// Whether any chain is noted as in flight.
  bool anyNoted() const {
    const size_t header =
        packed_ ? sizeof(virtio::PackedInflightHeader) : sizeof(virtio::SplitInflightHeader);
    const size_t entry =
        packed_ ? sizeof(virtio::PackedInflightEntry) : sizeof(virtio::SplitInflightEntry);
    for (uint16_t i = 0; i < entries_; ++i)
      if (notes_.get()[header + i * entry] != std::byte{0}) return true;
    return false;
  }

  /// As this process, or the one it is called in, sees the guest's memory.
  std::shared_ptr<const MemoryMap> map() {
    const auto& region = memory_.regions()[0];
    auto mapped = MemoryRegion::map(region.description, UniqueFd(::dup(region.file.get())));
    if (!mapped) return nullptr;
    return *MemoryMap().with(*mapped);
  }
  /// What QEMU says when its back end has gone without a word: the split ring's used index, and of
  /// a packed ring what was true at its last start.
  virtio::RingParameters parameters() const {
    const frontend::RingLayout& layout = driver_->layout();
    const auto here = [&](uint64_t guestAddr) {
      return reinterpret_cast<uintptr_t>(memory_.hostAddr(guestAddr));
    };
    return {
        .addresses = {.descriptor = here(layout.descriptors),
                      .available = here(layout.available),
                      .used = here(layout.used)},
        .size = kSize,
        .base = packed_ ? 0x80008000 : static_cast<frontend::SplitRing&>(*driver_).loadUsedIndex(),
        .inflight = notes_,
        .inflightEntries = entries_,
        .packed = packed_,
        .eventIndex = true};
  }

  /// Makes a chain of `length` descriptors available whose first buffer is `cookie` bytes long.
  uint16_t add(uint32_t cookie, size_t length = 1) {
    std::vector<frontend::Buffer> chain(length, {4096, 8, true});
    chain[0].size = cookie;
    const auto id = driver_->add(chain);
    REQUIRE(id.has_value());
    driver_->publish();
    return *id;
  }

 private:
  bool packed_;
  uint16_t entries_;
  frontend::GuestMemory memory_;
  std::unique_ptr<frontend::Ring> driver_;
  size_t noteBytes_ = 0;
  std::shared_ptr<std::byte> notes_;
};

/// One back end on the ring.
struct BackEnd {
  std::shared_ptr<const MemoryMap> map;
  virtio::Ring ring;

  explicit BackEnd(InflightBench& bench) : map(bench.map()) {
    const Status attached = ring.attach(*map, bench.parameters());
    REQUIRE_MESSAGE(attached.ok(), (attached.ok() ? "" : attached.error().message));
  }
  uint32_t take(virtio::DescriptorChain& chain) {
    REQUIRE(ring.pop(*map, chain) == virtio::Pop::kChain);
    return static_cast<uint32_t>(chain.segments[0].iov_len);
  }
  uint32_t take() {
    virtio::DescriptorChain chain;
    return take(chain);
  }
};

/// The device's answer says which chain it answers.
inline uint32_t answerTo(const virtio::DescriptorChain& chain) {
  return static_cast<uint32_t>(chain.segments[0].iov_len);
}

}  // namespace holdfast::test
