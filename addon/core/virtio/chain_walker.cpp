#include "core/virtio/chain_walker.h"

#include <cstring>

namespace holdfast::virtio {

void ChainWalker::walk(const Descriptor* table, uint32_t size, uint16_t head,
                       DescriptorChain& chain) {
  uint32_t index = head;
  for (uint32_t steps = 0; steps < size; ++steps) {
    Descriptor descriptor;
    std::memcpy(&descriptor, table + index, sizeof descriptor);
    if (descriptor.flags & Descriptor::kIndirect) {
      // 2.7.5.3.1: an indirect table is a chain's last descriptor, and NEXT may not be set.
      if (descriptor.flags & Descriptor::kNext || !walkIndirect(descriptor, chain))
        chain.malformed = true;
      return;
    }
    addBuffer(descriptor.guestAddr, descriptor.length, descriptor.flags & Descriptor::kWrite,
              chain);
    if (!(descriptor.flags & Descriptor::kNext)) return;
    index = descriptor.next;
    if (index >= size) break;
  }
  chain.malformed = true;  // a loop, or a next beyond the table
}

bool ChainWalker::walkIndirect(const Descriptor& descriptor, DescriptorChain& chain) {
  const uint32_t size = descriptor.length / sizeof(Descriptor);
  if (size == 0 || descriptor.length % sizeof(Descriptor) != 0 || size > kMaxQueueSize)
    return false;
  uint32_t index = 0;
  for (uint32_t steps = 0; steps < size; ++steps) {
    Descriptor entry;
    const uint64_t guestAddr = descriptor.guestAddr + index * sizeof(Descriptor);
    if (guestAddr < descriptor.guestAddr ||
        !copyFromGuest(guestAddr, reinterpret_cast<std::byte*>(&entry), sizeof entry))
      return false;
    if (entry.flags & Descriptor::kIndirect) return false;
    addBuffer(entry.guestAddr, entry.length, entry.flags & Descriptor::kWrite, chain);
    if (!(entry.flags & Descriptor::kNext)) return true;
    index = entry.next;
    if (index >= size) return false;
  }
  return false;
}

bool ChainWalker::add(const PackedDescriptor& descriptor, DescriptorChain& chain) {
  const bool first = chain.ringDescriptors++ == 0;
  const bool more = descriptor.flags & Descriptor::kNext;
  chain.id = descriptor.id;  // 2.8.6: the last one's counts
  if (!(descriptor.flags & Descriptor::kIndirect)) {
    addBuffer(descriptor.guestAddr, descriptor.length, descriptor.flags & Descriptor::kWrite,
              chain);
  } else if (!first || more || !addTable(descriptor.guestAddr, descriptor.length, chain)) {
    chain.malformed = true;  // 2.8.7: a chain has one indirect descriptor, or none
  }
  return more;
}

/// An indirect table of a packed ring: all of it is the chain, in order (2.8.7).
bool ChainWalker::addTable(uint64_t guestAddr, uint32_t length, DescriptorChain& chain) {
  const uint32_t size = length / sizeof(PackedDescriptor);
  if (size == 0 || length % sizeof(PackedDescriptor) != 0 || size > kMaxQueueSize) return false;
  for (uint32_t i = 0; i < size; ++i) {
    PackedDescriptor entry;
    const uint64_t entryAddr = guestAddr + i * sizeof entry;
    if (entryAddr < guestAddr ||
        !copyFromGuest(entryAddr, reinterpret_cast<std::byte*>(&entry), sizeof entry))
      return false;
    if (entry.flags & Descriptor::kIndirect) return false;
    addBuffer(entry.guestAddr, entry.length, entry.flags & Descriptor::kWrite, chain);
  }
  return true;
}

void ChainWalker::addBuffer(uint64_t guestAddr, uint32_t length, bool writable,
                            DescriptorChain& chain) {
  // 2.7.4.2: device-readable descriptors come before device-writable ones.
  if (!writable && chain.writableBytes > 0) chain.malformed = true;
  uint64_t left = length;
  if (guestAddr + left < guestAddr) {
    chain.malformed = true;
    left = 0;
    if (writable) chain.lastWritable = nullptr;
  }
  while (left > 0) {
    const MemoryMap::Span span = map_.fromGuest(guestAddr, left, region_);
    if (!span.hostAddr) {
      chain.malformed = true;
      if (writable) chain.lastWritable = nullptr;
      return;
    }
    if (writable) chain.lastWritable = span.hostAddr + span.size - 1;
    if (chain.count < DescriptorChain::kMaxSegments) {
      chain.segments[chain.count++] = {span.hostAddr, span.size};
      if (!writable) chain.readableCount = chain.count;
    } else {
      chain.malformed = true;
    }
    (writable ? chain.writableBytes : chain.readableBytes) += span.size;
    guestAddr += span.size;
    left -= span.size;
  }
}

bool ChainWalker::copyFromGuest(uint64_t guestAddr, std::byte* target, uint64_t size) {
  while (size > 0) {
    const MemoryMap::Span span = map_.fromGuest(guestAddr, size, region_);
    if (!span.hostAddr) return false;
    std::memcpy(target, span.hostAddr, span.size);
    target += span.size;
    guestAddr += span.size;
    size -= span.size;
  }
  return true;
}

}  // namespace holdfast::virtio
