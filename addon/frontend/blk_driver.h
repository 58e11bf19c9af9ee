#pragma once

#include <linux/virtio_blk.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "frontend/driver.h"

namespace holdfast::frontend {

using BlkDriverOptions = DriverOptions;

/// A driver of a virtio-blk device behind vhost-user: well-behaved start-up, one blocking function
/// per operation, and raw chains. Each blocking function returns the request's status byte
/// (VIRTIO_BLK_S_*), or kNoStatus where the device wrote none; an Error only if no answer came.
class BlkDriver : public Driver {
 public:
  /// What the status byte holds before the device writes it.
  static constexpr uint8_t kNoStatus = 0xff;
  static constexpr uint32_t kSectorSize = 512;

  /// Connects and negotiates: features, protocol features, SET_OWNER, the back end's channel.
  static Result<std::unique_ptr<BlkDriver>> open(const std::string& path, BlkDriverOptions options);
  static Result<std::unique_ptr<BlkDriver>> open(Connection connection, BlkDriverOptions options);
  /// open() and start().
  static Result<std::unique_ptr<BlkDriver>> openAndStart(const std::string& path,
                                                         BlkDriverOptions options = {});
  static Result<std::unique_ptr<BlkDriver>> openAndStart(Connection connection,
                                                         BlkDriverOptions options = {});

  /// GET_CONFIG up to the write-zeroes fields; the rest is 0.
  Result<virtio_blk_config> config();

  Result<uint8_t> read(uint64_t sector, std::span<std::byte> data, uint16_t queue = 0);
  Result<uint8_t> write(uint64_t sector, std::span<const std::byte> data, uint16_t queue = 0);
  Result<uint8_t> flush(uint16_t queue = 0);
  /// Fills `id` (20 bytes by the specification).
  Result<uint8_t> getId(std::span<std::byte> id, uint16_t queue = 0);
  Result<uint8_t> discard(std::span<const virtio_blk_discard_write_zeroes> ranges,
                          uint16_t queue = 0);
  Result<uint8_t> writeZeroes(std::span<const virtio_blk_discard_write_zeroes> ranges,
                              uint16_t queue = 0);

  /// A request in guest memory: header, data, status byte, each a buffer of its own.
  struct RequestBuffers {
    Buffer header;
    Buffer data;
    Buffer status;
  };
  /// Allocates header (type, sector), `dataSize` bytes and the status byte (set to kNoStatus) in
  /// guest memory. Error: ENOMEM; tests that send thousands reuse one.
  Result<RequestBuffers> makeRequest(uint32_t type, uint64_t sector, uint32_t dataSize,
                                     bool dataWritable);
  uint8_t statusOf(const RequestBuffers& request) const;
  std::span<std::byte> dataOf(const RequestBuffers& request) const;

 private:
  BlkDriver(Connection connection, BlkDriverOptions options)
      : Driver(std::move(connection), options), scratch_(options.numQueues) {}

  Result<RequestBuffers> scratch(uint16_t queue);
  /// Runs one request through the scratch buffers; `in` and `out` are its data, one of them empty.
  Result<uint8_t> run(uint32_t type, uint64_t sector, std::span<const std::byte> out,
                      std::span<std::byte> in, uint16_t queue);

  /// Header, status and data of the blocking functions, one for each queue, made when first used.
  /// Not one for all: two workers' writes to one byte are a race, even one after the other, to a
  /// sanitizer that can't see the driver between them.
  std::vector<std::optional<RequestBuffers>> scratch_;
};

}  // namespace holdfast::frontend
