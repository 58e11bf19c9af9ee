#pragma once

#include <optional>
#include <span>

#include "core/virtio/ring_layout.h"
#include "guest.h"
#include "ring_harness.h"

namespace holdfast::fuzz {

/// The driver's side of a RingHarness's ring. It does not care whether the device has given back
/// what it writes over.
class ChainWriter {
 public:
  /// Where the tables of indirect chains are: one of 256 bytes for each place of the ring.
  static constexpr uint64_t kTables = 0x20000;
  static constexpr uint64_t kTablesSize = RingHarness::kRingSize * 256;

  ChainWriter(Guest& guest, bool packed) : guest_(guest), packed_(packed) {}

  /// @param parts at most 8, in order; what links them is filled in
  void add(std::span<virtio::Descriptor> parts, bool indirect) {
    if (packed_)
      addPacked(parts, indirect);
    else
      addSplit(parts, indirect);
  }

  /// The bytes that the device says it has written, of the next chain that it has given back. All
  /// of them are given back in the order in which they were added.
  std::optional<uint32_t> takeUsed() { return packed_ ? takeUsedPacked() : takeUsedSplit(); }

 private:
  using Descriptor = virtio::Descriptor;
  using PackedDescriptor = virtio::PackedDescriptor;

  static constexpr uint16_t kSize = RingHarness::kRingSize;

  void addSplit(std::span<Descriptor> parts, bool indirect) {
    const uint16_t head = next_ % kSize;
    const uint64_t table = indirect ? tableOf(head) : RingHarness::kDescriptors;
    for (uint16_t part = 0; part < parts.size(); ++part) {
      const auto slot = static_cast<uint16_t>(indirect ? part : (head + part) % kSize);
      Descriptor& descriptor = parts[part];
      if (part + 1u < parts.size()) descriptor.flags |= Descriptor::kNext;
      descriptor.next = static_cast<uint16_t>(indirect ? slot + 1 : (slot + 1) % kSize);
      put(table + 16 * slot, descriptor);
    }
    if (indirect) put(RingHarness::kDescriptors + 16 * head, tableDescriptor(table, parts.size()));
    next_ = static_cast<uint16_t>(next_ + (indirect ? 1 : parts.size()));
    put(RingHarness::kAvailable + 4 + 2 * (available_ % kSize), head);
    put(RingHarness::kAvailable + 2, ++available_);
  }

  void addPacked(std::span<Descriptor> parts, bool indirect) {
    const uint16_t id = next_ % kSize;
    const auto lengthBefore = next_;
    for (uint16_t part = 0; part < parts.size(); ++part) {
      Descriptor& descriptor = parts[part];
      if (indirect) {
        put(tableOf(id) + 16 * part, packedOf(descriptor, id, 0));
      } else {
        if (part + 1u < parts.size()) descriptor.flags |= Descriptor::kNext;
        putPacked(descriptor, id);
      }
    }
    if (indirect) putPacked(tableDescriptor(tableOf(id), parts.size()), id);
    lengths_[available_++ % kSize] = static_cast<uint16_t>(next_ - lengthBefore);
  }

  /// The next one of the ring, available in its lap.
  void putPacked(const Descriptor& descriptor, uint16_t id) {
    const uint16_t lap = isFirstLap(next_) ? PackedDescriptor::kAvailable : PackedDescriptor::kUsed;
    put(RingHarness::kDescriptors + 16 * (next_ % kSize), packedOf(descriptor, id, lap));
    ++next_;
  }

  static PackedDescriptor packedOf(const Descriptor& descriptor, uint16_t id, uint16_t lap) {
    return {descriptor.guestAddr, descriptor.length, id,
            static_cast<uint16_t>(descriptor.flags | lap)};
  }

  std::optional<uint32_t> takeUsedSplit() {
    if (get<uint16_t>(RingHarness::kUsed + 2) == used_) return {};
    const uint64_t place = RingHarness::kUsed + 4 + 8 * (used_++ % kSize);
    return get<virtio::UsedElement>(place).length;
  }

  std::optional<uint32_t> takeUsedPacked() {
    const auto used = get<PackedDescriptor>(RingHarness::kDescriptors + 16 * (usedAt_ % kSize));
    const uint16_t lap =
        isFirstLap(usedAt_) ? PackedDescriptor::kAvailable | PackedDescriptor::kUsed : 0;
    if ((used.flags & (PackedDescriptor::kAvailable | PackedDescriptor::kUsed)) != lap) return {};
    usedAt_ = static_cast<uint16_t>(usedAt_ + lengths_[used_++ % kSize]);
    return used.length;
  }

  static bool isFirstLap(uint16_t position) { return position / kSize % 2 == 0; }
  static uint64_t tableOf(uint16_t head) { return kTables + uint64_t{head} * 256; }
  static Descriptor tableDescriptor(uint64_t table, size_t parts) {
    return {table, static_cast<uint32_t>(16 * parts), Descriptor::kIndirect, 0};
  }

  template <typename Value>
  void put(uint64_t address, const Value& value) {
    guest_.write(address, std::span(reinterpret_cast<const uint8_t*>(&value), sizeof value));
  }
  template <typename Value>
  Value get(uint64_t address) {
    Value value;
    std::memcpy(&value, guest_.memory() + address, sizeof value);
    return value;
  }

  Guest& guest_;
  const bool packed_;
  uint16_t next_ = 0;
  uint16_t available_ = 0;
  uint16_t used_ = 0;
  uint16_t usedAt_ = 0;
  /// Of a packed ring: how many descriptors each chain takes.
  uint16_t lengths_[kSize] = {};
};

}  // namespace holdfast::fuzz
