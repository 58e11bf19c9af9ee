#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/status.h"
#include "core/virtio/inflight_layout.h"

namespace holdfast::virtio {

/// Notes in memory that the front end keeps which chains of a split ring were taken and not given
/// back, so that the back end that comes after a crash can serve them.
///
/// The memory is read once, when it is attached: the front end can write to it at any time. Whoever
/// reads it next does so when this process has ended, so only the compiler has to keep the order.
class SplitInflight {
 public:
  /// Takes over what the back end before left. `part` has room for `entries` entries; `usedIndex`
  /// is the ring's. Error: contents that no back end leaves.
  Status attach(std::byte* part, uint16_t entries, uint32_t ringSize, uint16_t usedIndex);

  /// Heads that the back end before took and never gave back, in the order in which it took them.
  size_t left() const { return pending_.size() - nextPending_; }
  /// The next of them; there must be one.
  uint16_t takeLeft() { return pending_[nextPending_++]; }

  /// The chain was taken out of the ring.
  void begin(uint16_t head) {
    SplitInflightEntry& entry = entries_[head];
    entry.counter = counter_++;
    inOrder();
    entry.inflight = 1;
    inOrder();
  }
  /// Its used element was written, and will be shown with the batch.
  void end(uint16_t head) { batch_.push_back(head); }
  /// Before the batch is shown to the driver.
  void announceBatch();
  /// The batch is shown; `usedIndex` is the ring's now.
  void commitBatch(uint16_t usedIndex);

 private:
  Status finishLastBatch(uint32_t ringSize, uint16_t usedIndex);
  Status collectPending(uint32_t ringSize);

  SplitInflightHeader* header_ = nullptr;
  SplitInflightEntry* entries_ = nullptr;
  uint16_t size_ = 0;
  uint16_t lastBatchHead_ = 0;
  uint64_t counter_ = 0;
  std::vector<uint16_t> batch_;
  std::vector<uint16_t> pending_;
  size_t nextPending_ = 0;
};

}  // namespace holdfast::virtio
