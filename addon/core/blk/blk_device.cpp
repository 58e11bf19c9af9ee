#include "core/blk/blk_device.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "core/virtio/ring_layout.h"

namespace holdfast::blk {

BlkDevice::BlkDevice(const BlkOptions& options, const std::atomic<uint64_t>& sizeBytes)
    : options_(options), sizeBytes_(sizeBytes) {
  std::memcpy(id_.data(), options_.serial.data(),
              std::min<size_t>(kIdSize, options_.serial.size()));
}

uint64_t BlkDevice::features() const {
  uint64_t features = virtio::kFeatureIndirect | virtio::kFeatureEventIndex |
                      virtio::kFeatureVersion1 | kFeatureSegMax | kFeatureBlockSize |
                      kFeatureFlush | kFeatureTopology | kFeatureMultiqueue;
  if (options_.readOnly)
    features |= kFeatureReadOnly;
  else
    features |= kFeatureWriteZeroes | (options_.discard ? kFeatureDiscard : 0);
  if (options_.configWce) features |= kFeatureConfigWce;
  return features;
}

size_t BlkDevice::readConfig(std::span<std::byte> config) const {
  Config values{};
  values.capacity = sizeBytes_.load(std::memory_order_relaxed) / kSectorSize;
  values.segMax = kSegMax;
  values.blockSize = options_.blockSize;
  const uint32_t perPhysical = std::max(1u, options_.physicalBlockSize / options_.blockSize);
  values.physicalBlockExponent = static_cast<uint8_t>(std::bit_width(perPhysical) - 1);
  values.minimumIoSize = 1;
  values.writeback = writeback_.load(std::memory_order_relaxed);
  values.queueCount = options_.queueCount;
  values.maxDiscardSectors = kMaxRangeSectors;
  values.maxDiscardSegments = kMaxRanges;
  values.discardSectorAlignment =
      static_cast<uint32_t>(std::max(options_.blockSize, options_.physicalBlockSize) / kSectorSize);
  values.maxWriteZeroesSectors = kMaxRangeSectors;
  values.maxWriteZeroesSegments = kMaxRanges;
  values.writeZeroesMayUnmap = 1;
  const size_t size = std::min(config.size(), sizeof values);
  std::memcpy(config.data(), &values, size);
  return size;
}

Status BlkDevice::writeConfig(uint32_t offset, std::span<const std::byte> data) {
  if (!negotiated(kFeatureConfigWce))
    return Error{EPERM, "config write without CONFIG_WCE negotiated"};
  if (offset != offsetof(Config, writeback) || data.size() != 1)
    return Error{EINVAL, "config write outside the writeback byte"};
  writeback_.store(data[0] != std::byte{0}, std::memory_order_relaxed);
  decideWriteThrough();
  return {};
}

void BlkDevice::setFeatures(uint64_t acknowledged) {
  acknowledged_.store(acknowledged, std::memory_order_relaxed);
  decideWriteThrough();
}

void BlkDevice::reset() {
  writeback_.store(true, std::memory_order_relaxed);
  setFeatures(0);
}

void BlkDevice::decideWriteThrough() {
  // 5.2.6.2: the cache is writeback if FLUSH was negotiated, or as CONFIG_WCE's byte says.
  const bool writeback = negotiated(kFeatureConfigWce) ? writeback_.load(std::memory_order_relaxed)
                                                       : negotiated(kFeatureFlush);
  writeThrough_.store(!writeback, std::memory_order_relaxed);
}

}  // namespace holdfast::blk
