#include "loadgen/blk_device.h"

#include <cstring>

namespace holdfast::loadgen {

using frontend::BlkDriver;

Result<std::unique_ptr<Device>> BlkDevice::connect(const Options& options,
                                                   frontend::DriverOptions driver) {
  if (!options.flush) driver.features &= ~(1ULL << VIRTIO_BLK_F_FLUSH);
  auto started = BlkDriver::openAndStart(options.socketPath, driver);
  if (!started) return started.error();
  std::unique_ptr<BlkDevice> device(new BlkDevice(std::move(*started)));
  if (Status learnt = device->learn(); !learnt) return learnt.error();
  return std::unique_ptr<Device>(std::move(device));
}

Status BlkDevice::learn() {
  const Result<virtio_blk_config> config = driver_->config();
  if (!config) return config.error();
  capacity_ = config->capacity * BlkDriver::kSectorSize;
  readOnly_ = driver_->hasFeature(VIRTIO_BLK_F_RO);
  return {};
}

void BlkDevice::prepare(std::byte* header, std::byte* answer, bool read, uint64_t offset,
                        uint32_t) const {
  const virtio_blk_outhdr contents{read ? uint32_t{VIRTIO_BLK_T_IN} : uint32_t{VIRTIO_BLK_T_OUT}, 0,
                                   offset / BlkDriver::kSectorSize};
  std::memcpy(header, &contents, sizeof contents);
  *answer = std::byte{BlkDriver::kNoStatus};
}

std::optional<std::string> BlkDevice::failureIn(const std::byte* answer) const {
  const auto status = std::to_integer<uint8_t>(*answer);
  if (status == VIRTIO_BLK_S_OK) return std::nullopt;
  return "ended with status " + std::to_string(status);
}

}  // namespace holdfast::loadgen
