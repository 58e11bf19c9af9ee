#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/base/status.h"
#include "core/blk/blk_protocol.h"

namespace holdfast::blk {

/// What the guest is shown of the disk.
struct BlkOptions {
  uint32_t blockSize = 512;
  uint32_t physicalBlockSize = 512;
  /// Offsets and lengths the disk can take, bytes.
  uint32_t offsetAlignment = 1;
  uint16_t queueCount = 1;
  bool readOnly = false;
  bool discard = true;
  bool configWce = false;
  std::string serial;
};

/// A virtio-blk device as its queues see it: features, config space and the limits that every
/// request is checked against. Written by the control thread, read by the queue workers.
class BlkDevice {
 public:
  static constexpr uint32_t kSegMax = 126;  // the default ring of 128 less header and status
  static constexpr uint32_t kMaxRangeSectors = 0x3fffff;
  static constexpr uint32_t kMaxRanges = 16;

  /// `sizeBytes` is the disk's, and may change.
  BlkDevice(const BlkOptions& options, const std::atomic<uint64_t>& sizeBytes);

  uint64_t features() const;
  size_t readConfig(std::span<std::byte> config) const;
  /// Only the writeback byte can be written, and only with CONFIG_WCE negotiated.
  Status writeConfig(uint32_t offset, std::span<const std::byte> data);
  void setFeatures(uint64_t acknowledged);
  void reset();

  bool readOnly() const { return options_.readOnly; }
  bool negotiated(uint64_t feature) const {
    return acknowledged_.load(std::memory_order_relaxed) & feature;
  }
  /// Every completed write must be on the medium: the driver can't flush, or chose so.
  bool writeThrough() const { return writeThrough_.load(std::memory_order_relaxed); }
  const std::array<char, kIdSize>& id() const { return id_; }

  /// `sector` and `length` (bytes) lie on the disk and can be done without reading around them.
  bool accepts(uint64_t sector, uint64_t length) const {
    const uint64_t size = sizeBytes_.load(std::memory_order_relaxed);
    return sector <= size / kSectorSize && length <= size - sector * kSectorSize &&
           ((sector * kSectorSize | length) & (options_.offsetAlignment - 1)) == 0 &&
           length % kSectorSize == 0;
  }

 private:
  void decideWriteThrough();

  const BlkOptions options_;
  const std::atomic<uint64_t>& sizeBytes_;
  std::array<char, kIdSize> id_{};
  std::atomic<uint64_t> acknowledged_{0};
  std::atomic<bool> writeback_{true};
  std::atomic<bool> writeThrough_{true};
};

}  // namespace holdfast::blk
