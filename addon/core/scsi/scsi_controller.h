#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "core/mailbox/mailbox.h"
#include "core/scsi/event_log.h"
#include "core/scsi/request_queues.h"
#include "core/scsi/unit_table.h"
#include "core/virtio/device_model.h"

namespace holdfast::scsi {

struct ScsiOptions {
  uint16_t requestQueueCount = 1;
  /// Serve the config space: user-mode Linux asks for it, and QEMU, which has its own, complains of
  /// a back end that offers one.
  bool config = false;
};

/// A virtio-scsi device: the logical units behind it, and what its queues share. `mailbox` outlives
/// it.
class ScsiController final : public virtio::DeviceModel {
 public:
  static constexpr uint32_t kSegMax = 126;  // the default ring of 128 less header and response
  static constexpr uint32_t kCommandsPerLun = 128;

  ScsiController(const ScsiOptions& options, Mailbox& mailbox)
      : options_(options), mailbox_(mailbox) {}

  // Any thread.

  /// Shows a disk to the driver, at run time too. Errors: UnitTable's.
  Status addUnit(LogicalUnit::Options options);
  /// Takes one away: its requests end as they would have, new ones find no such place. `released`
  /// is called when the disk was let go. Error: ENOENT.
  Status removeUnit(uint8_t target, uint16_t lun, std::function<void()> released);
  /// Error: ENOENT.
  Status configureUnit(uint8_t target, uint16_t lun, UnitSettings settings);
  /// The control plane knows of the disk's new size: tells the driver. Error: ENOENT.
  Status capacityChanged(uint8_t target, uint16_t lun);

  uint64_t features() const override;
  bool hasConfig() const override { return options_.config; }
  uint16_t queueCount() const override {
    return static_cast<uint16_t>(kFixedQueues + options_.requestQueueCount);
  }
  size_t readConfig(std::span<std::byte> config) const override;
  /// Only cdb_size and sense_size can be written, and only to what they are: other sizes need more
  /// of every request than any known driver wants.
  Status writeConfig(uint32_t offset, std::span<const std::byte> data) override;
  void setFeatures(uint64_t acknowledged) override {
    acknowledged_.store(acknowledged, std::memory_order_relaxed);
  }
  bool negotiated(uint64_t feature) const override {
    return (acknowledged_.load(std::memory_order_relaxed) & feature) != 0;
  }
  void reset() override { setFeatures(0); }
  void refresh() override;
  void onConfigChange(std::function<void()>) override {}  // it never does
  EngineKind engine() const override;
  /// Each queue makes its disks known itself: they come and go.
  Status open(IoChannel&) override { return {}; }
  Result<std::unique_ptr<virtio::QueueHandler>> serve(virtio::Virtqueue& queue,
                                                      IoChannel& channel) override;

  // For the queues.
  Mailbox& mailbox() { return mailbox_; }
  const UnitTable& units() const { return units_; }
  RequestQueues& queues() { return queues_; }

 private:
  void tell(uint32_t event, uint8_t target, uint16_t lun, uint32_t reason);

  const ScsiOptions options_;
  Mailbox& mailbox_;
  UnitTable units_;
  RequestQueues queues_;
  EventLog events_;
  std::atomic<uint64_t> acknowledged_{0};
};

}  // namespace holdfast::scsi
