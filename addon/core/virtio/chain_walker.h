#pragma once

#include "core/memory/memory_map.h"
#include "core/virtio/descriptor_chain.h"
#include "core/virtio/ring_layout.h"

namespace holdfast::virtio {

/// Follows descriptors into a DescriptorChain. Each descriptor is copied out of guest memory once
/// and judged from the copy; the walk is bounded by the ring size, or by the indirect table's, so
/// loops end.
class ChainWalker {
 public:
  ChainWalker(const MemoryMap& map, uint32_t& cachedRegion) : map_(map), region_(cachedRegion) {}

  /// Of a split ring. `table` is its descriptor table of `size` entries, `head` < `size`. A flaw
  /// sets `chain.malformed`; the walk goes on where it can, to find the status byte: a driver that
  /// gets its head back with no status written may read an old one. Indirect tables are followed
  /// whether negotiated or not: Windows drivers use them unasked.
  void walk(const Descriptor* table, uint32_t size, uint16_t head, DescriptorChain& chain);
  /// Of a packed ring: the chain's next descriptor, in order; flaws as with walk(). Says whether
  /// another one follows.
  bool add(const PackedDescriptor& descriptor, DescriptorChain& chain);

 private:
  bool walkIndirect(const Descriptor& descriptor, DescriptorChain& chain);
  bool addTable(uint64_t guestAddr, uint32_t length, DescriptorChain& chain);
  void addBuffer(uint64_t guestAddr, uint32_t length, bool writable, DescriptorChain& chain);
  bool copyFromGuest(uint64_t guestAddr, std::byte* target, uint64_t size);

  const MemoryMap& map_;
  uint32_t& region_;
};

}  // namespace holdfast::virtio
