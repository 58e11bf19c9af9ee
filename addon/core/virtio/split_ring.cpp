#include "core/virtio/split_ring.h"

#include <bit>

namespace holdfast::virtio {
namespace {

void storeRelaxed(uint16_t& field, uint16_t value) {
  std::atomic_ref<uint16_t>(field).store(value, std::memory_order_relaxed);
}

uint16_t loadRelaxed(uint16_t& field) {
  return std::atomic_ref<uint16_t>(field).load(std::memory_order_relaxed);
}

}  // namespace

Status SplitRing::attach(const MemoryMap& map, const RingParameters& parameters) {
  if (parameters.size > kMaxQueueSize || !std::has_single_bit(parameters.size))
    return Error{
        0, "ring size " + std::to_string(parameters.size) + " is not a power of two up to 32768"};
  addresses_ = parameters.addresses;
  size_ = parameters.size;
  eventIndex_ = parameters.eventIndex;
  if (Status mapped = remap(map); !mapped) return mapped;
  lastAvailable_ = static_cast<uint16_t>(parameters.base);
  // The used index is the device's own, but it survives in the ring over a reconnect.
  nextUsed_ = signalledUsed_ = loadRelaxed(used_->index);
  signalAlways_ = true;
  return parameters.inflight ? resume(parameters) : Status();
}

/// Goes on where the notes say, whatever the front end does: it can't know what was in flight.
Status SplitRing::resume(const RingParameters& parameters) {
  inflightMemory_ = parameters.inflight;
  inflight_ = std::make_unique<SplitInflight>();
  if (Status attached =
          inflight_->attach(inflightMemory_.get(), parameters.inflightEntries, size_, nextUsed_);
      !attached)
    return attached;
  left_ = static_cast<uint32_t>(inflight_->left());
  lastAvailable_ = static_cast<uint16_t>(nextUsed_ + left_);
  return {};
}

Result<SplitRing::Parts> SplitRing::locate(const MemoryMap& map) const {
  const Parts parts{map.fromFrontend(addresses_.descriptor, descriptorTableBytes(size_)),
                    map.fromFrontend(addresses_.available, availableRingBytes(size_)),
                    map.fromFrontend(addresses_.used, usedRingBytes(size_))};
  if (!parts.descriptors || !parts.available || !parts.used)
    return Error{0, "the ring does not lie in the guest memory that was shared"};
  if (!isAligned(parts.descriptors, alignof(Descriptor)) ||
      !isAligned(parts.available, alignof(uint16_t)) ||
      !isAligned(parts.used, alignof(UsedElement)))
    return Error{0, "the ring is misaligned in guest memory"};
  return parts;
}

Status SplitRing::checkWithin(const MemoryMap& map) const {
  const auto parts = locate(map);
  return parts ? Status() : parts.error();
}

Status SplitRing::remap(const MemoryMap& map) {
  const auto parts = locate(map);
  if (!parts) return parts.error();
  descriptors_ = reinterpret_cast<Descriptor*>(parts->descriptors);
  available_ = reinterpret_cast<AvailableRing*>(parts->available);
  used_ = reinterpret_cast<UsedRing*>(parts->used);
  availableEvent_ =
      reinterpret_cast<uint16_t*>(parts->used + usedRingBytes(size_) - sizeof(uint16_t));
  return {};
}

Pop SplitRing::pop(const MemoryMap& map, DescriptorChain& chain) {
  uint16_t head;
  const bool leftOver = left_ > 0;
  if (leftOver) {
    --left_;
    head = inflight_->takeLeft();
  } else {
    const uint16_t count = waiting();
    if (count == 0) return Pop::kEmpty;
    if (count > size_) return Pop::kBroken;
    head = loadRelaxed(available_->ring[lastAvailable_ & (size_ - 1)]);
    if (head >= size_) return Pop::kBroken;
    ++lastAvailable_;
    if (inflight_) inflight_->begin(head);
  }
  chain.reset();
  chain.id = head;
  chain.leftOver = leftOver;
  ChainWalker(map, cachedRegion_).walk(descriptors_, size_, head, chain);
  return Pop::kChain;
}

bool SplitRing::wantsInterrupt() {
  const uint16_t before = signalledUsed_;
  signalledUsed_ = nextUsed_;
  // The index must be visible before the driver's wish is read (2.7.7.2), or both sides sleep.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (signalAlways_) {
    signalAlways_ = false;  // after (re)starting, what the driver saw last is unknown
    return true;
  }
  if (!eventIndex_) return !(loadRelaxed(available_->flags) & AvailableRing::kNoInterrupt);
  const uint16_t event = loadRelaxed(usedEvent());
  return static_cast<uint16_t>(nextUsed_ - event - 1) < static_cast<uint16_t>(nextUsed_ - before);
}

void SplitRing::requestKick() {
  if (eventIndex_)
    storeRelaxed(*availableEvent_, lastAvailable_);
  else
    storeRelaxed(used_->flags, 0);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void SplitRing::suppressKick() {
  // An event index just behind makes the driver's "did we pass it" test false for a full round.
  if (eventIndex_)
    storeRelaxed(*availableEvent_, static_cast<uint16_t>(lastAvailable_ - 1));
  else
    storeRelaxed(used_->flags, UsedRing::kNoNotify);
}

}  // namespace holdfast::virtio
