#include "core/virtio/packed_ring.h"

#include <cstring>
#include <string>

namespace holdfast::virtio {

Status PackedRing::attach(const MemoryMap& map, const RingParameters& parameters) {
  if (parameters.size == 0 || parameters.size > kMaxQueueSize)
    return Error{0, "ring size " + std::to_string(parameters.size) + " is not from 1 to 32768"};
  addresses_ = parameters.addresses;
  size_ = parameters.size;
  eventIndex_ = parameters.eventIndex;
  available_ = PackedPosition::decode(static_cast<uint16_t>(parameters.base));
  used_ = PackedPosition::decode(static_cast<uint16_t>(parameters.base >> 16));
  if (available_.index >= size_ || used_.index >= size_)
    return Error{0, "the base lies outside the ring of " + std::to_string(size_) + " descriptors"};
  if (Status mapped = remap(map); !mapped) return mapped;
  if (parameters.base == 0 && neverUsed()) available_ = used_ = PackedPosition();
  signalAlways_ = true;
  return parameters.inflight ? resume(parameters) : Status();
}

/// User-mode Linux (7.2) says base 0 of every ring that starts, which is the second lap of a packed
/// one. A ring that has been through a lap shows it: whatever was used, and what is available in
/// the second lap, has the flag.
bool PackedRing::neverUsed() const {
  for (PackedPosition position; position.wrap; position.advance(1, size_))
    if (flagsAt(position).load(std::memory_order_relaxed) & PackedDescriptor::kUsed) return false;
  return true;
}

/// Goes on where the notes say, whatever the front end does: QEMU doesn't know a packed ring's
/// positions when its back end is gone.
Status PackedRing::resume(const RingParameters& parameters) {
  inflightMemory_ = parameters.inflight;
  inflight_ = std::make_unique<PackedInflight>();
  if (Status attached = inflight_->attach(inflightMemory_.get(), parameters.inflightEntries,
                                          {descriptors_, size_}, used_);
      !attached)
    return attached;
  left_ = static_cast<uint32_t>(inflight_->left());
  held_ = inflight_->heldDescriptors();
  available_ = used_;
  // Used descriptors that were about to be shown are still there, behind the first: the driver
  // would find them once that is shown.
  for (uint32_t i = 0; i < held_; ++i) {
    const auto flags = flagsAt(available_);
    if ((flags.load(std::memory_order_relaxed) & PackedPosition::kFlags) == available_.usedFlags())
      flags.store(available_.availableFlags(), std::memory_order_relaxed);
    available_.advance(1, size_);
  }
  return {};
}

Result<PackedRing::Parts> PackedRing::locate(const MemoryMap& map) const {
  const uint64_t ringBytes = sizeof(PackedDescriptor) * uint64_t{size_};
  const Parts parts{map.fromFrontend(addresses_.descriptor, ringBytes),
                    map.fromFrontend(addresses_.available, sizeof(EventSuppression)),
                    map.fromFrontend(addresses_.used, sizeof(EventSuppression))};
  if (!parts.descriptors || !parts.driverEvent || !parts.deviceEvent)
    return Error{0, "the ring does not lie in the guest memory that was shared"};
  if (!isAligned(parts.descriptors, alignof(PackedDescriptor)) ||
      !isAligned(parts.driverEvent, alignof(uint32_t)) ||
      !isAligned(parts.deviceEvent, alignof(uint32_t)))
    return Error{0, "the ring is misaligned in guest memory"};
  return parts;
}

Status PackedRing::checkWithin(const MemoryMap& map) const {
  const auto parts = locate(map);
  return parts ? Status() : parts.error();
}

Status PackedRing::remap(const MemoryMap& map) {
  const auto parts = locate(map);
  if (!parts) return parts.error();
  descriptors_ = reinterpret_cast<PackedDescriptor*>(parts->descriptors);
  driverEvent_ = reinterpret_cast<uint32_t*>(parts->driverEvent);
  deviceEvent_ = reinterpret_cast<uint32_t*>(parts->deviceEvent);
  return {};
}

uint32_t PackedRing::available() const {
  uint32_t chains = left_;
  PackedPosition position = available_;
  for (uint32_t i = held_; i < size_ && isAvailable(position); ++i) {
    const uint16_t flags = flagsAt(position).load(std::memory_order_relaxed);
    if (!(flags & Descriptor::kNext)) ++chains;
    position.advance(1, size_);
  }
  return chains;
}

bool PackedRing::hasBacklog(uint16_t count) const {
  if (held_ + count > size_ || !hasAvailable()) return false;
  PackedPosition last = available_;
  last.advance(count - 1u, size_);
  return isAvailable(last);
}

Pop PackedRing::pop(const MemoryMap& map, DescriptorChain& chain) {
  if (left_ > 0) return popLeft(map, chain);
  if (!isAvailable(available_)) return Pop::kEmpty;
  chain.reset();
  ChainWalker walker(map, cachedRegion_);
  PackedPosition position = available_;
  for (uint32_t held = held_ + 1; held <= size_; ++held) {
    PackedDescriptor descriptor;
    std::memcpy(&descriptor, descriptors_ + position.index, sizeof descriptor);
    const bool more = walker.add(descriptor, chain);
    if (inflight_) inflight_->note(descriptor);
    position.advance(1, size_);
    if (more) continue;
    available_ = position;
    held_ = held;
    if (inflight_) chain.inflightEntry = inflight_->begin();
    return Pop::kChain;
  }
  return Pop::kBroken;
}

Pop PackedRing::popLeft(const MemoryMap& map, DescriptorChain& chain) {
  --left_;
  const PackedInflight::Left& left = inflight_->takeLeft();
  chain.reset();
  ChainWalker walker(map, cachedRegion_);
  for (const PackedDescriptor& descriptor : left.descriptors) (void)walker.add(descriptor, chain);
  chain.inflightEntry = left.entry;
  chain.leftOver = true;
  return Pop::kChain;
}

void PackedRing::push(const DescriptorChain& chain, uint32_t length) {
  PackedDescriptor& descriptor = descriptors_[used_.index];
  descriptor.id = chain.id;
  descriptor.length = length;
  // 2.8.5: without WRITE the length of a used descriptor says nothing.
  const auto flags =
      static_cast<uint16_t>(used_.usedFlags() | (length > 0 ? Descriptor::kWrite : 0));
  if (unpublished_ == 0) {
    firstUnpublished_ = used_;
    firstFlags_ = flags;
  } else {
    flagsAt(used_).store(flags, std::memory_order_release);
  }
  if (inflight_) inflight_->end(chain.inflightEntry);
  unpublished_ += chain.ringDescriptors;
  ++unsignalled_;
  unsignalledDescriptors_ += chain.ringDescriptors;
  used_.advance(chain.ringDescriptors, size_);
}

void PackedRing::publish() {
  if (unpublished_ == 0) return;
  if (inflight_) inflight_->announceBatch(used_);
  flagsAt(firstUnpublished_).store(firstFlags_, std::memory_order_release);
  if (inflight_) inflight_->commitBatch();
  held_ -= unpublished_;
  unpublished_ = 0;
}

bool PackedRing::wantsInterrupt() {
  const uint32_t passed = unsignalledDescriptors_;
  unsignalled_ = unsignalledDescriptors_ = 0;
  // What was used must be visible before the driver's wish is read, or both sides sleep.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (signalAlways_) {
    signalAlways_ = false;  // after (re)starting, what the driver saw last is unknown
    return true;
  }
  const auto wish = std::bit_cast<EventSuppression>(
      std::atomic_ref<uint32_t>(*driverEvent_).load(std::memory_order_relaxed));
  if (wish.flags == EventSuppression::kDisable) return false;
  if (wish.flags != EventSuppression::kDescriptor || !eventIndex_) return true;
  const uint32_t behind = used_.ahead(PackedPosition::decode(wish.position), size_);
  return behind - 1 < passed;
}

void PackedRing::requestKick() {
  if (eventIndex_)
    tellDriver({available_.encode(), EventSuppression::kDescriptor});
  else
    tellDriver({.flags = EventSuppression::kEnable});
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void PackedRing::mark(const DirtyLog& log, const MemoryMap& map, uint64_t) const {
  const auto* descriptors = reinterpret_cast<const std::byte*>(descriptors_);
  const auto* event = reinterpret_cast<const std::byte*>(deviceEvent_);
  if (const auto at = map.guestAddrOf(descriptors)) log.mark(*at, size_ * sizeof *descriptors_);
  if (const auto at = map.guestAddrOf(event)) log.mark(*at, sizeof *deviceEvent_);
}

}  // namespace holdfast::virtio
