#include "core/virtio/packed_inflight.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace holdfast::virtio {

Status PackedInflight::attach(std::byte* part, uint16_t entries,
                              std::span<const PackedDescriptor> ring, PackedPosition& used) {
  header_ = reinterpret_cast<PackedInflightHeader*>(part);
  entries_ = reinterpret_cast<PackedInflightEntry*>(part + sizeof *header_);
  const uint16_t version = header_->version;
  size_ = version == 0 ? entries : header_->size;
  if (size_ < ring.size() || size_ > entries) return damaged("it has another size");
  next_.resize(size_);
  last_.resize(size_);
  batch_.reserve(ring.size());
  if (version == 0) {
    initialize(used);
    return {};
  }
  if (version != kInflightVersion) return damaged("its version is unknown");
  if (Status settled = settleLastBatch(ring, used); !settled) return settled;
  std::vector<bool> seen(size_);
  if (Status collected = collectFree(seen); !collected) return collected;
  return collectPending(ring.size(), seen);
}

void PackedInflight::initialize(const PackedPosition& used) {
  std::memset(static_cast<void*>(entries_), 0, sizeof *entries_ * size_);
  for (uint16_t i = 0; i < size_; ++i) entries_[i].next = next_[i] = static_cast<uint16_t>(i + 1);
  header_->size = size_;
  storeFreeHeads(0, 0);
  storeUsed(used, used);
  used_ = used;
  inOrder();
  header_->version = kInflightVersion;
}

/// The back end before may have been about to show a batch: either the driver sees it, or it never
/// was.
Status PackedInflight::settleLastBatch(std::span<const PackedDescriptor> ring,
                                       PackedPosition& used) {
  const PackedInflightUsed noted = header_->used;
  const PackedPosition now{noted.index, noted.wrap != 0};
  const PackedPosition before{noted.oldIndex, noted.oldWrap != 0};
  if (now.index >= ring.size() || before.index >= ring.size())
    return damaged("its used index lies outside the ring");
  used = before;
  freeHead_ = header_->free.oldHead;
  if (now != before) {
    const uint16_t flags = ring[before.index].flags;
    const bool shown = (flags & PackedPosition::kFlags) != before.availableFlags();
    if (shown) {
      used = now;
      freeHead_ = header_->free.head;
    }
  }
  storeFreeHeads(freeHead_, freeHead_);
  storeUsed(used, used);
  used_ = used;
  cursor_ = freeHead_;
  return {};
}

/// What lies in the free list isn't in flight, whatever it says: the back end before had given it
/// back, or was about to take it.
Status PackedInflight::collectFree(std::vector<bool>& seen) {
  for (uint16_t i = 0; i < size_; ++i) next_[i] = entries_[i].next;
  for (uint16_t entry = freeHead_; entry < size_; entry = next_[entry]) {
    if (seen[entry]) return damaged("its free list has a loop");
    seen[entry] = true;
    entries_[entry].inflight = 0;
  }
  return {};
}

Status PackedInflight::collectPending(size_t ringSize, std::vector<bool>& seen) {
  std::vector<std::pair<uint64_t, uint16_t>> found;
  for (uint16_t entry = 0; entry < size_; ++entry)
    if (entries_[entry].inflight != 0) found.emplace_back(entries_[entry].counter, entry);
  std::sort(found.begin(), found.end());
  for (const auto& [counter, entry] : found)
    if (Status collected = collectChain(entry, seen); !collected) return collected;
  if (held_ > ringSize) return damaged("more is in flight than the ring holds");
  if (std::find(seen.begin(), seen.end(), false) != seen.end())
    return damaged("an entry is neither free nor in flight");
  if (!found.empty()) counter_ = found.back().first + 1;
  return {};
}

Status PackedInflight::collectChain(uint16_t first, std::vector<bool>& seen) {
  const uint16_t count = entries_[first].num;
  Left left{first, {}};
  uint16_t entry = first;
  for (uint16_t i = 0; i < count; ++i) {
    if (entry >= size_ || seen[entry]) return damaged("a chain in flight is not one");
    seen[entry] = true;
    PackedInflightEntry noted;
    std::memcpy(&noted, &entries_[entry], sizeof noted);
    left.descriptors.push_back({noted.guestAddr, noted.length, noted.id, noted.flags});
    last_[first] = entry;
    entry = next_[entry];
  }
  if (count == 0 || last_[first] != entries_[first].last)
    return damaged("a chain in flight has no end");
  held_ += count;
  pending_.push_back(std::move(left));
  return {};
}

void PackedInflight::note(const PackedDescriptor& descriptor) {
  PackedInflightEntry& entry = entries_[cursor_];
  entry.id = descriptor.id;
  entry.flags = descriptor.flags;
  entry.length = descriptor.length;
  entry.guestAddr = descriptor.guestAddr;
  lastNoted_ = cursor_;
  cursor_ = next_[cursor_];
  ++noted_;
}

uint16_t PackedInflight::begin() {
  const uint16_t first = freeHead_;
  PackedInflightEntry& entry = entries_[first];
  entry.last = last_[first] = lastNoted_;
  entry.num = std::exchange(noted_, uint16_t{0});
  entry.counter = counter_++;
  entry.inflight = 1;
  inOrder();
  freeHead_ = cursor_;
  storeFreeHeads(freeHead_, freeHead_);
  inOrder();
  return first;
}

void PackedInflight::announceBatch(const PackedPosition& used) {
  if (batch_.empty()) return;
  const uint16_t before = freeHead_;
  for (const uint16_t entry : batch_) {
    entries_[last_[entry]].next = next_[last_[entry]] = freeHead_;
    freeHead_ = entry;
  }
  cursor_ = freeHead_;
  inOrder();
  storeFreeHeads(freeHead_, before);
  inOrder();
  storeUsed(used, used_);
  used_ = used;
  inOrder();
}

void PackedInflight::commitBatch() {
  inOrder();
  for (const uint16_t entry : batch_) entries_[entry].inflight = 0;
  inOrder();
  storeFreeHeads(freeHead_, freeHead_);
  inOrder();
  storeUsed(used_, used_);
  batch_.clear();
}

void PackedInflight::storeFreeHeads(uint16_t freeHead, uint16_t oldFreeHead) {
  std::atomic_ref(header_->free).store({freeHead, oldFreeHead}, std::memory_order_relaxed);
}

void PackedInflight::storeUsed(const PackedPosition& used, const PackedPosition& before) {
  std::atomic_ref(header_->used)
      .store({used.index, before.index, used.wrap, before.wrap, {}}, std::memory_order_relaxed);
}

}  // namespace holdfast::virtio
