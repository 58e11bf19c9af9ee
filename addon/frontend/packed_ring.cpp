#include "frontend/packed_ring.h"

#include <bit>
#include <utility>

namespace holdfast::frontend {

namespace {

constexpr uint64_t kPartAlignment = 64;

uint16_t writeFlag(const Buffer& buffer) {
  return buffer.writable ? kDescriptorWrite : uint16_t{0};
}

}  // namespace

Result<PackedRing> PackedRing::create(GuestMemory& memory, uint16_t size, bool eventIndex) {
  const Result<uint64_t> descriptors =
      memory.allocate(sizeof(PackedDescriptor) * size, kPartAlignment);
  const Result<uint64_t> driverEvent = memory.allocate(sizeof(EventSuppression), kPartAlignment);
  const Result<uint64_t> deviceEvent = memory.allocate(sizeof(EventSuppression), kPartAlignment);
  if (!descriptors) return descriptors.error();
  if (!driverEvent) return driverEvent.error();
  if (!deviceEvent) return deviceEvent.error();

  PackedRing ring(size, eventIndex);
  ring.layout_ = {*descriptors, *driverEvent, *deviceEvent};
  ring.descriptors_ = reinterpret_cast<PackedDescriptor*>(memory.hostAddr(*descriptors));
  ring.driverEvent_ = reinterpret_cast<EventSuppression*>(memory.hostAddr(*driverEvent));
  ring.deviceEvent_ = reinterpret_cast<EventSuppression*>(memory.hostAddr(*deviceEvent));
  ring.freeCount_ = size;
  for (uint16_t id = size; id-- > 0;) ring.freeIds_.push_back(id);
  ring.chainLength_.resize(1 << 16);
  return ring;
}

std::optional<uint16_t> PackedRing::takeId(size_t descriptors) {
  if (descriptors == 0 || descriptors > freeCount_ || freeIds_.empty()) return std::nullopt;
  const uint16_t id = freeIds_.back();
  freeIds_.pop_back();
  chainLength_[id] = static_cast<uint16_t>(descriptors);
  freeCount_ = static_cast<uint16_t>(freeCount_ - descriptors);
  return id;
}

void PackedRing::put(PackedDescriptor descriptor) {
  const uint64_t position = nextAvailable_++;
  const uint16_t flags = descriptor.flags | availableFlags(position);
  PackedDescriptor& place = descriptors_[position % size_];
  place.guestAddr = descriptor.guestAddr;
  place.size = descriptor.size;
  place.id = descriptor.id;
  if (position == published_)
    firstFlags_ = flags;
  else
    std::atomic_ref<uint16_t>(place.flags).store(flags, std::memory_order_release);
}

std::optional<uint16_t> PackedRing::add(std::span<const Buffer> chain) {
  const std::optional<uint16_t> id = takeId(chain.size());
  if (!id) return id;
  for (size_t i = 0; i < chain.size(); ++i) {
    const uint16_t next = i + 1 < chain.size() ? kDescriptorNext : uint16_t{0};
    put({chain[i].guestAddr, chain[i].size, *id,
         static_cast<uint16_t>(writeFlag(chain[i]) | next)});
  }
  return id;
}

std::optional<uint16_t> PackedRing::addIndirect(std::span<const Buffer> chain, uint64_t table,
                                                void* tableHost) {
  if (chain.empty()) return std::nullopt;
  const std::optional<uint16_t> id = takeId(1);
  if (!id) return id;
  auto* entries = static_cast<PackedDescriptor*>(tableHost);
  for (size_t i = 0; i < chain.size(); ++i)
    entries[i] = {chain[i].guestAddr, chain[i].size, 0, writeFlag(chain[i])};
  put({table, static_cast<uint32_t>(chain.size() * sizeof(PackedDescriptor)), *id,
       kDescriptorIndirect});
  return id;
}

void PackedRing::addRaw(std::span<const PackedDescriptor> chain) {
  for (const PackedDescriptor& descriptor : chain) put(descriptor);
  chainLength_[chain.back().id] = static_cast<uint16_t>(chain.size());
}

bool PackedRing::publish() {
  if (published_ == nextAvailable_) return false;
  std::atomic_ref<uint16_t>(descriptor(published_).flags)
      .store(firstFlags_, std::memory_order_release);
  const uint64_t before = std::exchange(published_, nextAvailable_);
  // The device's wish must be read after it can see the new descriptors.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto wish = std::bit_cast<EventSuppression>(
      std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t*>(deviceEvent_))
          .load(std::memory_order_relaxed));
  if (wish.flags != EventSuppression::kDescriptor) return wish.flags != EventSuppression::kDisable;
  for (uint64_t position = before; position < published_; ++position)
    if (encode(position) == wish.position) return true;
  return false;
}

bool PackedRing::isUsed(uint64_t position) const {
  constexpr uint16_t both = kPackedAvailable | kPackedUsed;
  return (loadFlags(position) & both) == (wrapAt(position) ? both : 0);
}

uint16_t PackedRing::usedCount() const {
  uint16_t count = 0;
  for (uint64_t position = nextUsed_; position < published_ && isUsed(position); ++count) {
    const uint16_t length = chainLength_[descriptors_[position % size_].id];
    position += length > 0 ? length : 1;
  }
  return count;
}

std::optional<Used> PackedRing::pop() {
  if (!hasUsed()) return std::nullopt;
  const PackedDescriptor& place = descriptors_[nextUsed_ % size_];
  const uint16_t length = std::exchange(chainLength_[place.id], uint16_t{0});
  Used used{place.id, place.size, false};
  nextUsed_ += length > 0 ? length : 1;
  used.ours = length > 0 && place.id < size_;
  if (!used.ours) return used;
  freeIds_.push_back(place.id);
  freeCount_ = static_cast<uint16_t>(freeCount_ + length);
  return used;
}

void PackedRing::tellDevice(EventSuppression wish) {
  std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t*>(driverEvent_))
      .store(std::bit_cast<uint32_t>(wish), std::memory_order_relaxed);
}

bool PackedRing::armInterrupt() {
  if (eventIndex_)
    tellDevice({encode(nextUsed_), EventSuppression::kDescriptor});
  else
    tellDevice({0, EventSuppression::kEnable});
  // The device must see the request before the ring is looked at for the last time.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return !hasUsed();
}

}  // namespace holdfast::frontend
