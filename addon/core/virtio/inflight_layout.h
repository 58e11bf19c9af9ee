#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/status.h"
#include "core/virtio/ring_layout.h"

namespace holdfast::virtio {

/// What a queue's part of an inflight region holds (docs/interop/vhost-user.rst, "Inflight I/O
/// tracking"). Any back end may continue what another one left.

struct SplitInflightEntry {
  uint8_t inflight;
  uint8_t padding[5];
  uint16_t next;     // in the last batch of used chains
  uint64_t counter;  // ascends in the order in which chains were taken
};
static_assert(sizeof(SplitInflightEntry) == 16);

struct SplitInflightHeader {
  uint64_t features;
  uint16_t version;
  uint16_t size;  // entries
  uint16_t lastBatchHead;
  uint16_t usedIndex;
};
static_assert(sizeof(SplitInflightHeader) == 16);

struct PackedInflightEntry {
  uint8_t inflight;  // this and last, num, counter: of a chain's first entry
  uint8_t padding;
  uint16_t next;  // in the chain, or in the free list
  uint16_t last;
  uint16_t num;
  uint64_t counter;
  uint16_t id;  // from here on: the descriptor
  uint16_t flags;
  uint32_t length;
  uint64_t guestAddr;
};
static_assert(sizeof(PackedInflightEntry) == 32);

/// The free list's start as it is while a batch is shown to the driver, and as it was before.
/// Stored as one word: a process that ended between the two would leave a list that never was.
struct alignas(4) PackedInflightFree {
  uint16_t head;
  uint16_t oldHead;
};
static_assert(sizeof(PackedInflightFree) == 4);

/// The used position, likewise.
struct alignas(8) PackedInflightUsed {
  uint16_t index;
  uint16_t oldIndex;
  uint8_t wrap;
  uint8_t oldWrap;
  uint8_t padding[2];
};
static_assert(sizeof(PackedInflightUsed) == 8);

struct PackedInflightHeader {
  uint64_t features;
  uint16_t version;
  uint16_t size;  // entries
  PackedInflightFree free;
  PackedInflightUsed used;
  uint8_t padding[8];
};
static_assert(sizeof(PackedInflightHeader) == 32);
static_assert(offsetof(PackedInflightHeader, used) == 16);

constexpr uint16_t kInflightVersion = 1;

/// Bytes of one queue's part of a region, for rings of up to `size` descriptors.
constexpr uint64_t inflightBytes(bool packed, uint32_t size) {
  const uint64_t bytes =
      packed ? sizeof(PackedInflightHeader) + sizeof(PackedInflightEntry) * uint64_t{size}
             : sizeof(SplitInflightHeader) + sizeof(SplitInflightEntry) * uint64_t{size};
  constexpr uint64_t kAlignment = 64;  // libvhost-user's and DPDK's
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// How many entries a queue's part has room for.
constexpr uint16_t inflightEntries(bool packed, uint64_t bytes) {
  const uint64_t header = packed ? sizeof(PackedInflightHeader) : sizeof(SplitInflightHeader);
  const uint64_t entry = packed ? sizeof(PackedInflightEntry) : sizeof(SplitInflightEntry);
  const uint64_t entries = bytes > header ? (bytes - header) / entry : 0;
  return static_cast<uint16_t>(std::min<uint64_t>(entries, kMaxQueueSize));
}

/// What was written to a region before is there before what follows: a process can end between any
/// two instructions. The region outlives it, not the machine, so the compiler's order is enough.
inline void inOrder() {
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

/// A region that no back end can have left like this.
inline Error damaged(const char* what) {
  return {EBADMSG, std::string("the inflight region is damaged: ") + what};
}

}  // namespace holdfast::virtio
