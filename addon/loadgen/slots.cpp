#include "loadgen/slots.h"

#include <linux/virtio_blk.h>

#include <cstring>

#include "frontend/blk_driver.h"

namespace holdfast::loadgen {

namespace {

constexpr uint64_t kDataAlignment = 4096;
constexpr uint64_t kControlAlignment = 64;
constexpr uint64_t kHeaderSize = sizeof(virtio_blk_outhdr);

/// Table, header and status lie side by side.
uint64_t tableSize(const Options& options) {
  return sizeof(frontend::Descriptor) * (options.segments + 2);
}
uint64_t controlSize(const Options& options) {
  return tableSize(options) + kHeaderSize + 1;
}

}  // namespace

uint64_t Slots::memoryNeeded(const Options& options) {
  const uint64_t control = controlSize(options) + kControlAlignment;
  const uint64_t data = options.blockSize + kDataAlignment;
  return options.depth * (control + data);
}

Result<Slots> Slots::create(frontend::GuestMemory& memory, const Options& options) {
  Slots slots;
  for (uint16_t index = 0; index < options.depth; ++index) {
    const Result<uint64_t> control = memory.allocate(controlSize(options), kControlAlignment);
    if (!control) return control.error();
    const Result<uint64_t> data = memory.allocate(options.blockSize, kDataAlignment);
    if (!data) return data.error();

    Slot slot;
    const uint64_t header = *control + tableSize(options);
    const uint64_t status = header + kHeaderSize;
    slot.header = memory.hostAddr(header);
    slot.status = memory.hostAddr(status);
    slot.data = {memory.hostAddr(*data), options.blockSize};
    slot.table = *control;
    slot.tableHost = reinterpret_cast<frontend::Descriptor*>(memory.hostAddr(*control));
    slot.chain.push_back({header, kHeaderSize, false});
    const uint32_t segmentSize = options.blockSize / options.segments;
    for (uint32_t i = 0; i < options.segments; ++i) {
      slot.chain.push_back({*data + uint64_t{i} * segmentSize, segmentSize, false});
    }
    slot.chain.push_back({status, 1, true});
    slots.slots_.push_back(std::move(slot));
    slots.free_.push_back(index);
  }
  return slots;
}

uint16_t Slots::take() {
  const uint16_t index = free_.back();
  free_.pop_back();
  return index;
}

void Slots::prepare(Slot& slot, bool read, uint64_t sector) {
  const virtio_blk_outhdr header{read ? uint32_t{VIRTIO_BLK_T_IN} : uint32_t{VIRTIO_BLK_T_OUT}, 0,
                                 sector};
  std::memcpy(slot.header, &header, sizeof header);
  *slot.status = std::byte{frontend::BlkDriver::kNoStatus};
  slot.read = read;
  for (size_t i = 1; i + 1 < slot.chain.size(); ++i) slot.chain[i].writable = read;
}

}  // namespace holdfast::loadgen
