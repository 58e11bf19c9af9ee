#include "core/blk/blk_device.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "core/blk/blk_queue.h"
#include "core/virtio/ring_layout.h"

namespace holdfast::blk {

BlkDevice::BlkDevice(const BlkOptions& options, Disk& disk)
    : options_(options), disk_(disk), target_{.geometry = disk.geometry(), .slot = 0} {
  std::memcpy(id_.data(), disk.serial().data(), std::min<size_t>(kIdSize, disk.serial().size()));
  disk_.addListener(*this);
}

BlkDevice::~BlkDevice() {
  disk_.removeListener(*this);
}

uint64_t BlkDevice::features() const {
  uint64_t features = virtio::kFeatureIndirect | virtio::kFeatureEventIndex |
                      virtio::kFeatureVersion1 | virtio::kFeaturePacked | kFeatureSegMax |
                      kFeatureBlockSize | kFeatureFlush | kFeatureTopology | kFeatureMultiqueue;
  if (disk_.readOnly())
    features |= kFeatureReadOnly;
  else
    features |= kFeatureWriteZeroes | (disk_.discards() ? kFeatureDiscard : 0);
  if (options_.configWce) features |= kFeatureConfigWce;
  if (options_.mailbox) features |= kFeatureScsi;
  return features;
}

size_t BlkDevice::readConfig(std::span<std::byte> config) const {
  Config values{};
  values.capacity = disk_.sizeBytes().load(std::memory_order_relaxed) / kSectorSize;
  values.segMax = kSegMax;
  values.blockSize = disk_.blockSize();
  const uint32_t perPhysical = std::max(1u, disk_.physicalBlockSize() / disk_.blockSize());
  values.physicalBlockExponent = static_cast<uint8_t>(std::bit_width(perPhysical) - 1);
  values.minimumIoSize = 1;
  values.writeback = writeback_.load(std::memory_order_relaxed);
  values.queueCount = options_.queueCount;
  values.maxDiscardSectors = kMaxRangeSectors;
  values.maxDiscardSegments = kMaxRanges;
  values.discardSectorAlignment =
      static_cast<uint32_t>(std::max(disk_.blockSize(), disk_.physicalBlockSize()) / kSectorSize);
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

void BlkDevice::refresh() {
  // A size that can't be read now will show as failing requests.
  (void)disk_.refreshSize();
}

void BlkDevice::onConfigChange(std::function<void()> changed) {
  const std::lock_guard lock(changedMutex_);
  changed_ = std::move(changed);
}

void BlkDevice::sizeChanged() {
  const std::lock_guard lock(changedMutex_);
  if (changed_) changed_();
}

Result<std::unique_ptr<virtio::QueueHandler>> BlkDevice::serve(virtio::Virtqueue& queue,
                                                               IoChannel& channel) {
  return BlkQueue::create(queue, *this, channel);
}

void BlkDevice::decideWriteThrough() {
  // 5.2.6.2: the cache is writeback if FLUSH was negotiated, or as CONFIG_WCE's byte says.
  const bool writeback = negotiated(kFeatureConfigWce) ? writeback_.load(std::memory_order_relaxed)
                                                       : negotiated(kFeatureFlush);
  writeThrough_.store(!writeback, std::memory_order_relaxed);
}

}  // namespace holdfast::blk
