#include "loadgen/scsi_device.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace holdfast::loadgen {

using frontend::ScsiDriver;
using frontend::ScsiResult;

namespace {

constexpr uint8_t kTestUnitReady = 0x00;
constexpr uint8_t kModeSense6 = 0x1a;
constexpr uint8_t kServiceActionIn16 = 0x9e;
constexpr uint8_t kReadCapacity16 = 0x10;
constexpr uint8_t kRead10 = 0x28, kWrite10 = 0x2a;
constexpr uint8_t kRead16 = 0x88, kWrite16 = 0x8a;

constexpr uint8_t kCheckCondition = 2;
constexpr uint32_t kUnitAttention = 6;
/// More than any device keeps for one nexus.
constexpr unsigned kAttentionsMax = 64;

constexpr uint8_t kAllPages = 0x3f;
constexpr uint8_t kWriteProtect = 0x80;

const frontend::ScsiLun kLun = frontend::scsiLun(0, 0);

void store(uint64_t value, uint8_t* at, unsigned size) {
  for (unsigned i = 0; i < size; ++i) at[i] = static_cast<uint8_t>(value >> 8 * (size - 1 - i));
}

uint64_t load(const std::byte* at, unsigned size) {
  uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) value = value << 8 | std::to_integer<uint64_t>(at[i]);
  return value;
}

bool isGood(const ScsiResult& result) {
  return result.response == VIRTIO_SCSI_S_OK && result.status == 0;
}

std::string describe(const ScsiResult& result) {
  char text[96];
  std::snprintf(text, sizeof text, "response %u, status %02xh, sense %06xh, residual %u",
                result.response, result.status, result.senseCode(), result.residual);
  return text;
}

}  // namespace

Result<std::unique_ptr<Device>> ScsiDevice::connect(const std::string& socketPath,
                                                    frontend::DriverOptions driver) {
  driver.numQueues = static_cast<uint16_t>(driver.numQueues + ScsiDriver::kFirstRequestQueue);
  auto started = ScsiDriver::openAndStart(socketPath, driver);
  if (!started) return started.error();
  std::unique_ptr<ScsiDevice> device(new ScsiDevice(std::move(*started)));
  if (Status learnt = device->learn(); !learnt) return learnt.error();
  return std::unique_ptr<Device>(std::move(device));
}

Status ScsiDevice::learn() {
  const std::array<uint8_t, 6> testUnitReady{kTestUnitReady};
  if (Status ready = execute(testUnitReady, {}); !ready) return ready;

  std::array<std::byte, 32> capacity{};
  std::array<uint8_t, 16> readCapacity{kServiceActionIn16, kReadCapacity16};
  readCapacity[13] = capacity.size();
  if (Status read = execute(readCapacity, capacity); !read) return read;
  blockSize_ = static_cast<uint32_t>(load(&capacity[8], 4));
  if (blockSize_ == 0) return Error{EIO, "LUN 0 has blocks of no size"};
  capacity_ = (load(capacity.data(), 8) + 1) * blockSize_;

  std::array<std::byte, 255> modes{};
  const std::array<uint8_t, 6> modeSense{kModeSense6, 0, kAllPages, 0, modes.size(), 0};
  if (Status read = execute(modeSense, modes); !read) return read;
  readOnly_ = (std::to_integer<uint8_t>(modes[2]) & kWriteProtect) != 0;
  return {};
}

Status ScsiDevice::execute(std::span<const uint8_t> cdb, std::span<std::byte> in) {
  // The guest before may have left one of its own after that of power on.
  for (unsigned i = 0; i < kAttentionsMax; ++i) {
    const Result<ScsiResult> result = driver_->execute(kLun, cdb, {}, in);
    if (!result) return result.error();
    if (isGood(*result)) return {};
    const bool attention =
        result->status == kCheckCondition && result->senseCode() >> 16 == kUnitAttention;
    if (attention) continue;
    char opcode[8];
    std::snprintf(opcode, sizeof opcode, "%02xh", cdb[0]);
    return Error{EIO, "LUN 0 refused command " + std::string(opcode) + ": " + describe(*result)};
  }
  return Error{EIO, "LUN 0 has unit attentions without end"};
}

void ScsiDevice::prepare(std::byte* header, std::byte* answer, bool read, uint64_t offset,
                         uint32_t size) const {
  virtio_scsi_cmd_req contents{};
  std::copy(kLun.begin(), kLun.end(), contents.lun);
  contents.tag = reinterpret_cast<uintptr_t>(header);  // nobody else's while it is in flight
  const uint64_t lba = offset / blockSize_;
  const uint32_t blocks = size / blockSize_;
  if (lba + blocks <= UINT32_MAX && blocks <= UINT16_MAX) {
    contents.cdb[0] = read ? kRead10 : kWrite10;
    store(lba, &contents.cdb[2], 4);
    store(blocks, &contents.cdb[7], 2);
  } else {
    contents.cdb[0] = read ? kRead16 : kWrite16;
    store(lba, &contents.cdb[2], 8);
    store(blocks, &contents.cdb[10], 4);
  }
  std::memcpy(header, &contents, sizeof contents);
  answer[offsetof(virtio_scsi_cmd_resp, response)] = std::byte{ScsiDriver::kNoResponse};
}

std::optional<std::string> ScsiDevice::failureIn(const std::byte* answer) const {
  const auto& response = *reinterpret_cast<const virtio_scsi_cmd_resp*>(answer);  // packed
  if (response.response == VIRTIO_SCSI_S_OK && response.status == 0 && response.resid == 0)
    return std::nullopt;
  return "ended with " + describe(ScsiDriver::resultIn(answer));
}

}  // namespace holdfast::loadgen
