#include "core/virtio/split_inflight.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast::virtio {

Status SplitInflight::attach(std::byte* part, uint16_t entries, uint32_t ringSize,
                             uint16_t usedIndex) {
  header_ = reinterpret_cast<SplitInflightHeader*>(part);
  entries_ = reinterpret_cast<SplitInflightEntry*>(part + sizeof *header_);
  const uint16_t version = header_->version;
  size_ = version == 0 ? entries : header_->size;
  if (size_ < ringSize || size_ > entries) return damaged("it has another size");
  batch_.reserve(ringSize);
  if (version == 0) {
    std::memset(static_cast<void*>(entries_), 0, sizeof *entries_ * size_);
    header_->size = size_;
    header_->lastBatchHead = 0;
    header_->usedIndex = usedIndex;
    inOrder();
    header_->version = kInflightVersion;
    return {};
  }
  if (version != kInflightVersion) return damaged("its version is unknown");
  if (Status finished = finishLastBatch(ringSize, usedIndex); !finished) return finished;
  return collectPending(ringSize);
}

/// The back end before may have shown a batch to the driver and not noted that it did.
Status SplitInflight::finishLastBatch(uint32_t ringSize, uint16_t usedIndex) {
  const auto batchSize = static_cast<uint16_t>(usedIndex - header_->usedIndex);
  lastBatchHead_ = header_->lastBatchHead;
  if (batchSize == 0) return {};
  const bool anyInflight = std::any_of(entries_, entries_ + size_,
                                       [](const auto& entry) { return entry.inflight != 0; });
  // Of a region that was new while its ring was not, the difference says nothing.
  if (anyInflight) {
    if (batchSize > ringSize) return damaged("its used index is not near the ring's");
    uint16_t head = lastBatchHead_;
    for (uint16_t i = 0; i < batchSize; ++i) {
      if (head >= ringSize) return damaged("its last batch leaves the ring");
      entries_[head].inflight = 0;
      head = entries_[head].next;
    }
  }
  inOrder();
  header_->usedIndex = usedIndex;
  return {};
}

Status SplitInflight::collectPending(uint32_t ringSize) {
  std::vector<std::pair<uint64_t, uint16_t>> found;
  for (uint16_t head = 0; head < size_; ++head) {
    const uint8_t inflight = entries_[head].inflight;
    if (inflight == 0) continue;
    if (inflight != 1) return damaged("a chain is neither in flight nor not");
    if (head >= ringSize) return damaged("a chain in flight lies outside the ring");
    found.emplace_back(entries_[head].counter, head);
  }
  std::sort(found.begin(), found.end());
  for (const auto& [counter, head] : found) pending_.push_back(head);
  if (!found.empty()) counter_ = found.back().first + 1;
  return {};
}

void SplitInflight::announceBatch() {
  for (const uint16_t head : batch_) {
    entries_[head].next = lastBatchHead_;
    lastBatchHead_ = head;
    inOrder();
    header_->lastBatchHead = head;
  }
  inOrder();
}

void SplitInflight::commitBatch(uint16_t usedIndex) {
  inOrder();
  for (const uint16_t head : batch_) entries_[head].inflight = 0;
  inOrder();
  header_->usedIndex = usedIndex;
  batch_.clear();
}

}  // namespace holdfast::virtio
