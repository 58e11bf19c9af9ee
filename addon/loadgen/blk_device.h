#pragma once

#include "frontend/blk_driver.h"
#include "loadgen/device.h"

namespace holdfast::loadgen {

class BlkDevice final : public Device {
 public:
  static constexpr RequestForm kForm{.headerSize = sizeof(virtio_blk_outhdr), .answerSize = 1};

  static Result<std::unique_ptr<Device>> connect(const Options& options,
                                                 frontend::DriverOptions driver);

  frontend::Driver& driver() override { return *driver_; }
  frontend::Virtqueue& queue(uint16_t index) override { return driver_->queue(index); }
  void prepare(std::byte* header, std::byte* answer, bool read, uint64_t offset,
               uint32_t size) const override;
  std::optional<std::string> failureIn(const std::byte* answer) const override;

 private:
  explicit BlkDevice(std::unique_ptr<frontend::BlkDriver> driver) : driver_(std::move(driver)) {}

  Status learn();

  std::unique_ptr<frontend::BlkDriver> driver_;
};

}  // namespace holdfast::loadgen
