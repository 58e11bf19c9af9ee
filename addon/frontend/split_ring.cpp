#include "frontend/split_ring.h"

#include <numeric>
#include <utility>

namespace holdfast::frontend {

namespace {

/// Each part on cache lines of its own: the driver writes two of them and the device the third.
constexpr uint64_t kPartAlignment = 64;

uint16_t flagsOf(const Buffer& buffer, bool last) {
  return static_cast<uint16_t>((buffer.writable ? kDescriptorWrite : 0) |
                               (last ? 0 : kDescriptorNext));
}

/// "The device wants to hear of index `event`, and the driver moved from `before` to `now`" (virtio
/// 1.x, "Available Buffer Notification Suppression"), modulo 2^16.
bool crossed(uint16_t event, uint16_t now, uint16_t before) {
  return static_cast<uint16_t>(now - event - 1) < static_cast<uint16_t>(now - before);
}

}  // namespace

Result<SplitRing> SplitRing::create(GuestMemory& memory, uint16_t size, bool eventIndex) {
  const uint64_t availableSize = sizeof(uint16_t) * (3ULL + size);
  const uint64_t usedSize = sizeof(uint16_t) * 3 + sizeof(UsedElement) * size;
  const Result<uint64_t> descriptors = memory.allocate(sizeof(Descriptor) * size, kPartAlignment);
  const Result<uint64_t> available = memory.allocate(availableSize, kPartAlignment);
  const Result<uint64_t> used = memory.allocate(usedSize, kPartAlignment);
  if (!descriptors) return descriptors.error();
  if (!available) return available.error();
  if (!used) return used.error();

  // Fresh memfd pages and a bump allocator: the parts are zero already.
  SplitRing ring(size, eventIndex);
  ring.layout_ = {*descriptors, *available, *used};
  ring.descriptors_ = reinterpret_cast<Descriptor*>(memory.hostAddr(*descriptors));
  ring.available_ = reinterpret_cast<uint16_t*>(memory.hostAddr(*available));
  ring.used_ = reinterpret_cast<uint16_t*>(memory.hostAddr(*used));
  ring.freeCount_ = size;
  ring.nextFree_.resize(size);
  std::iota(ring.nextFree_.begin(), ring.nextFree_.end(), uint16_t{1});
  ring.chainLength_.resize(size);
  return ring;
}

std::optional<uint16_t> SplitRing::add(std::span<const Buffer> chain) {
  if (chain.empty() || chain.size() > freeCount_) return std::nullopt;
  const uint16_t head = firstFree_;
  for (size_t i = 0; i < chain.size(); ++i) {
    const uint16_t index = firstFree_;
    firstFree_ = nextFree_[index];
    descriptors_[index] = {chain[i].guestAddr, chain[i].size,
                           flagsOf(chain[i], i + 1 == chain.size()), firstFree_};
  }
  freeCount_ = static_cast<uint16_t>(freeCount_ - chain.size());
  chainLength_[head] = static_cast<uint16_t>(chain.size());
  addHead(head);
  return head;
}

std::optional<uint16_t> SplitRing::addIndirect(std::span<const Buffer> chain, uint64_t table,
                                               void* tableHost) {
  if (chain.empty() || freeCount_ == 0) return std::nullopt;
  auto* entries = static_cast<Descriptor*>(tableHost);
  for (size_t i = 0; i < chain.size(); ++i) {
    entries[i] = {chain[i].guestAddr, chain[i].size, flagsOf(chain[i], i + 1 == chain.size()),
                  static_cast<uint16_t>(i + 1)};
  }
  const uint16_t head = firstFree_;
  firstFree_ = nextFree_[head];
  --freeCount_;
  descriptors_[head] = {table, static_cast<uint32_t>(chain.size() * sizeof(Descriptor)),
                        kDescriptorIndirect, 0};
  chainLength_[head] = 1;
  addHead(head);
  return head;
}

void SplitRing::addHead(uint16_t head) {
  availableEntry(static_cast<uint16_t>(nextAvailable_ & (size_ - 1))) = head;
  ++nextAvailable_;
}

bool SplitRing::publish() {
  const uint16_t before = published_;
  if (before == nextAvailable_) return false;
  published_ = nextAvailable_;
  std::atomic_ref<uint16_t>(available_[1]).store(published_, std::memory_order_release);
  // The device's event index, or its flag, must be read after it can see the new available index.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!eventIndex_) {
    const auto flags = std::atomic_ref<uint16_t>(used_[0]).load(std::memory_order_relaxed);
    return (flags & kUsedNoNotify) == 0;
  }
  const auto event = std::atomic_ref<uint16_t>(availableEvent()).load(std::memory_order_relaxed);
  return crossed(event, published_, before);
}

std::optional<Used> SplitRing::pop() {
  if (!hasUsed()) return std::nullopt;
  const UsedElement element = usedEntry(static_cast<uint16_t>(lastUsed_ & (size_ - 1)));
  ++lastUsed_;
  return Used{element.id, element.size, freeChain(element.id)};
}

bool SplitRing::freeChain(uint32_t id) {
  if (id >= size_ || chainLength_[id] == 0) return false;
  const auto head = static_cast<uint16_t>(id);
  const uint16_t length = std::exchange(chainLength_[head], uint16_t{0});
  uint16_t tail = head;
  for (uint16_t i = 1; i < length; ++i) tail = nextFree_[tail];
  nextFree_[tail] = firstFree_;
  firstFree_ = head;
  freeCount_ = static_cast<uint16_t>(freeCount_ + length);
  return true;
}

bool SplitRing::armInterrupt() {
  if (eventIndex_) {
    std::atomic_ref<uint16_t>(usedEvent()).store(lastUsed_, std::memory_order_relaxed);
  } else {
    std::atomic_ref<uint16_t>(availableFlags()).store(0, std::memory_order_relaxed);
  }
  // The device must see the request before the used index is looked at for the last time.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return !hasUsed();
}

void SplitRing::disarmInterrupt() {
  if (eventIndex_) return;
  std::atomic_ref<uint16_t>(availableFlags())
      .store(kAvailableNoInterrupt, std::memory_order_relaxed);
}

}  // namespace holdfast::frontend
