#include "loadgen/device.h"

#include "loadgen/blk_device.h"
#include "loadgen/scsi_device.h"

namespace holdfast::loadgen {

RequestForm formOf(DeviceKind kind) {
  return kind == DeviceKind::kScsi ? ScsiDevice::kForm : BlkDevice::kForm;
}

Result<std::unique_ptr<Device>> Device::connect(const Options& options,
                                                frontend::DriverOptions driver) {
  return options.device == DeviceKind::kScsi ? ScsiDevice::connect(options.socketPath, driver)
                                             : BlkDevice::connect(options, driver);
}

}  // namespace holdfast::loadgen
