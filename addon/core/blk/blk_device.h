#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "core/blk/blk_protocol.h"
#include "core/disk/access_fence.h"
#include "core/disk/disk.h"
#include "core/io/io_target.h"
#include "core/mailbox/mailbox.h"
#include "core/virtio/device_model.h"

namespace holdfast::blk {

struct BlkOptions {
  uint16_t queueCount = 1;
  /// Offer VIRTIO_BLK_F_CONFIG_WCE.
  bool configWce = false;
  /// The nexus' gate to the disk; null: always open.
  std::shared_ptr<AccessFence> fence{};
  /// Offer VIRTIO_BLK_F_SCSI, and hand those commands to whoever takes them from here; null: don't.
  /// It outlives the device.
  Mailbox* mailbox = nullptr;
};

/// A virtio-blk device: features, config space and the limits that every request is checked
/// against.
class BlkDevice final : public virtio::DeviceModel, private SizeListener {
 public:
  static constexpr uint32_t kSegMax = 126;  // the default ring of 128 less header and status
  static constexpr uint32_t kMaxRangeSectors = 0x3fffff;
  static constexpr uint32_t kMaxRanges = 16;

  /// `disk` outlives the device.
  BlkDevice(const BlkOptions& options, Disk& disk);
  ~BlkDevice() override;

  uint64_t features() const override;
  bool hasConfig() const override { return true; }
  uint16_t queueCount() const override { return options_.queueCount; }
  size_t readConfig(std::span<std::byte> config) const override;
  /// Only the writeback byte can be written, and only with CONFIG_WCE negotiated.
  Status writeConfig(uint32_t offset, std::span<const std::byte> data) override;
  void setFeatures(uint64_t acknowledged) override;
  bool negotiated(uint64_t feature) const override {
    return acknowledged_.load(std::memory_order_relaxed) & feature;
  }
  void reset() override;
  void refresh() override;
  void onConfigChange(std::function<void()> changed) override;
  EngineKind engine() const override { return disk_.engine(); }
  Status open(IoChannel& channel) override { return channel.add(target_); }
  Result<std::unique_ptr<virtio::QueueHandler>> serve(virtio::Virtqueue& queue,
                                                      IoChannel& channel) override;

  // For the queues.
  const IoTarget& target() const { return target_; }
  bool readOnly() const { return disk_.readOnly(); }
  /// Every completed write must be on the medium: the driver can't flush, or chose so.
  bool writeThrough() const { return writeThrough_.load(std::memory_order_relaxed); }
  const std::array<char, kIdSize>& id() const { return id_; }
  AccessFence* fence() const { return options_.fence.get(); }
  Mailbox* mailbox() const { return options_.mailbox; }
  /// `sector` and `length` (bytes) lie on the disk and can be done without reading around them.
  bool accepts(uint64_t sector, uint64_t length) const {
    const uint64_t size = disk_.sizeBytes().load(std::memory_order_relaxed);
    return sector <= size / kSectorSize && length <= size - sector * kSectorSize &&
           ((sector * kSectorSize | length) & (target_.geometry.offsetAlignment - 1)) == 0 &&
           length % kSectorSize == 0;
  }

 private:
  void sizeChanged() override;
  void decideWriteThrough();

  const BlkOptions options_;
  Disk& disk_;
  const IoTarget target_;
  std::array<char, kIdSize> id_{};
  std::atomic<uint64_t> acknowledged_{0};
  std::atomic<bool> writeback_{true};
  std::atomic<bool> writeThrough_{true};
  std::mutex changedMutex_;
  std::function<void()> changed_;
};

}  // namespace holdfast::blk
