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
#include "frontend/connection.h"
#include "frontend/guest_memory.h"
#include "frontend/virtqueue.h"

namespace holdfast::frontend {

struct BlkDriverOptions {
  uint16_t numQueues = 1;
  uint16_t queueSize = 128;
  /// Of the features this driver knows and the back end offers, those to acknowledge.
  uint64_t features = ~0ULL;
  uint64_t protocolFeatures = ~0ULL;
  /// Bytes of guest memory in one region at guest address 0, for rings and requests. 0: the caller
  /// adds regions to memory() between open() and start().
  uint64_t memorySize = uint64_t{64} << 20;
  /// Most bytes that one call of read() or write() moves.
  uint32_t scratchSize = uint32_t{1} << 20;
};

/// A driver of a virtio-blk device behind vhost-user: well-behaved start-up, one blocking function
/// per operation, and raw chains. Each blocking function returns the request's status byte
/// (VIRTIO_BLK_S_*), or kNoStatus where the device wrote none; an Error only if no answer came.
class BlkDriver {
 public:
  /// What the status byte holds before the device writes it.
  static constexpr uint8_t kNoStatus = 0xff;
  static constexpr uint32_t kSectorSize = 512;

  /// Connects and negotiates: features, protocol features, SET_OWNER, the back end's channel.
  static Result<std::unique_ptr<BlkDriver>> open(const std::string& path, BlkDriverOptions options);
  static Result<std::unique_ptr<BlkDriver>> open(Connection connection, BlkDriverOptions options);
  /// Shares the memory and starts all rings.
  Status start();
  /// open() and start().
  static Result<std::unique_ptr<BlkDriver>> openAndStart(const std::string& path,
                                                         BlkDriverOptions options = {});
  static Result<std::unique_ptr<BlkDriver>> openAndStart(Connection connection,
                                                         BlkDriverOptions options = {});

  Connection& connection() { return connection_; }
  /// The front end's end of the back end's channel; invalid fd if BACKEND_REQ isn't negotiated.
  MessageSocket& backendChannel() { return backendChannel_; }
  GuestMemory& memory() { return memory_; }
  Virtqueue& queue(uint16_t index) { return queues_[index]; }
  uint16_t numQueues() const { return static_cast<uint16_t>(queues_.size()); }
  /// What was acknowledged.
  uint64_t features() const { return features_; }
  uint64_t protocolFeatures() const { return protocolFeatures_; }
  bool hasFeature(unsigned bit) const { return (features_ >> bit & 1) != 0; }

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

  /// Sends any chain on `queue` and waits for its used element; Error ETIMEDOUT, or EPROTO if
  /// another head comes back.
  Result<SplitRing::Used> submitAndWait(std::span<const Buffer> chain, uint16_t queue = 0);

 private:
  BlkDriver(Connection connection, BlkDriverOptions options);

  Status negotiate();
  Status shareMemory();
  Result<RequestBuffers> scratch(uint16_t queue);
  /// Runs one request through the scratch buffers; `in` and `out` are its data, one of them empty.
  Result<uint8_t> run(uint32_t type, uint64_t sector, std::span<const std::byte> out,
                      std::span<std::byte> in, uint16_t queue);

  Connection connection_;
  BlkDriverOptions options_;
  MessageSocket backendChannel_;
  GuestMemory memory_;
  std::vector<Virtqueue> queues_;
  uint64_t features_ = 0;
  uint64_t protocolFeatures_ = 0;
  /// Header, status and data of the blocking functions, one for each queue, made when first used.
  /// Not one for all: two workers' writes to one byte are a race, even one after the other, to a
  /// sanitizer that can't see the driver between them.
  std::vector<std::optional<RequestBuffers>> scratch_;
};

}  // namespace holdfast::frontend
