#pragma once

#include "frontend/scsi_driver.h"
#include "loadgen/device.h"

namespace holdfast::loadgen {

/// LUN 0 of target 0.
class ScsiDevice final : public Device {
 public:
  static constexpr RequestForm kForm{.headerSize = sizeof(virtio_scsi_cmd_req),
                                     .answerSize = sizeof(virtio_scsi_cmd_resp),
                                     .answerFirst = true};

  static Result<std::unique_ptr<Device>> connect(const std::string& socketPath,
                                                 frontend::DriverOptions driver);

  frontend::Driver& driver() override { return *driver_; }
  frontend::Virtqueue& queue(uint16_t index) override {
    return driver_->queue(frontend::ScsiDriver::kFirstRequestQueue + index);
  }
  /// READ and WRITE of 10 bytes wherever these reach, of 16 beyond, as Linux's sd chooses.
  void prepare(std::byte* header, std::byte* answer, bool read, uint64_t offset,
               uint32_t size) const override;
  std::optional<std::string> failureIn(const std::byte* answer) const override;

 private:
  explicit ScsiDevice(std::unique_ptr<frontend::ScsiDriver> driver) : driver_(std::move(driver)) {}

  Status learn();
  /// Again after each unit attention. Error where it doesn't end with GOOD.
  Status execute(std::span<const uint8_t> cdb, std::span<std::byte> in);

  std::unique_ptr<frontend::ScsiDriver> driver_;
};

}  // namespace holdfast::loadgen
