#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/status.h"
#include "core/virtio/inflight_layout.h"
#include "core/virtio/packed_position.h"
#include "core/virtio/ring_layout.h"

namespace holdfast::virtio {

/// Notes in memory that the front end keeps which chains of a packed ring were taken and not given
/// back, and their descriptors, which used ones may have overwritten in the ring.
///
/// The memory is read once, when it is attached: the front end can write to it at any time, so what
/// is needed later is kept here. Whoever reads it next does so when this process has ended, so only
/// the compiler has to keep the order.
class PackedInflight {
 public:
  /// A chain that the back end before took and never gave back.
  struct Left {
    uint16_t entry;
    std::vector<PackedDescriptor> descriptors;
  };

  /// Takes over what the back end before left. `part` has room for `entries` entries. `used` comes
  /// as the front end says, which counts where nothing was noted yet, and goes as it was noted.
  /// Error: contents that no back end leaves.
  Status attach(std::byte* part, uint16_t entries, std::span<const PackedDescriptor> ring,
                PackedPosition& used);

  /// How many chains of the back end before haven't been taken by takeLeft().
  size_t left() const { return pending_.size() - nextPending_; }
  /// The next of them, in the order in which they were taken then; there must be one.
  const Left& takeLeft() { return pending_[nextPending_++]; }
  /// Descriptors of all of them.
  uint32_t heldDescriptors() const { return held_; }

  /// The next descriptor of the chain that is being taken out of the ring.
  void note(const PackedDescriptor& descriptor);
  /// That was the last one; returns what end() wants.
  uint16_t begin();
  /// The chain that begin() gave `entry` has its used descriptor, which will be shown with the
  /// batch.
  void end(uint16_t entry) { batch_.push_back(entry); }
  /// Before the batch is shown to the driver; `used` lies behind it.
  void announceBatch(const PackedPosition& used);
  /// The batch is shown.
  void commitBatch();

 private:
  void initialize(const PackedPosition& used);
  Status settleLastBatch(std::span<const PackedDescriptor> ring, PackedPosition& used);
  Status collectFree(std::vector<bool>& seen);
  Status collectPending(size_t ringSize, std::vector<bool>& seen);
  Status collectChain(uint16_t first, std::vector<bool>& seen);
  void storeFreeHeads(uint16_t freeHead, uint16_t oldFreeHead);
  void storeUsed(const PackedPosition& used, const PackedPosition& before);

  PackedInflightHeader* header_ = nullptr;
  PackedInflightEntry* entries_ = nullptr;
  uint16_t size_ = 0;
  uint64_t counter_ = 0;
  /// What must not be read again: the free list, and each chain's last entry by its first.
  uint16_t freeHead_ = 0;
  std::vector<uint16_t> next_;
  std::vector<uint16_t> last_;
  PackedPosition used_;
  /// Of the chain that is being taken.
  uint16_t cursor_ = 0;
  uint16_t lastNoted_ = 0;
  uint16_t noted_ = 0;
  std::vector<uint16_t> batch_;
  std::vector<Left> pending_;
  size_t nextPending_ = 0;
  uint32_t held_ = 0;
};

}  // namespace holdfast::virtio
