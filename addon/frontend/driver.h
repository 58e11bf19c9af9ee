#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "frontend/connection.h"
#include "frontend/guest_memory.h"
#include "frontend/inflight_memory.h"
#include "frontend/virtqueue.h"

namespace holdfast::frontend {

struct DriverOptions {
  uint16_t numQueues = 1;
  uint16_t queueSize = 128;
  /// Of the features this driver knows and the back end offers, those to acknowledge.
  uint64_t features = ~0ULL;
  /// Acknowledge packed rings where they are offered.
  bool packed = false;
  uint64_t protocolFeatures = ~0ULL;
  /// Bytes of guest memory in one region at guest address 0, for rings and requests. 0: the caller
  /// adds regions to memory() between open() and start().
  uint64_t memorySize = uint64_t{64} << 20;
  /// Most bytes that one call of a blocking function moves.
  uint32_t scratchSize = uint32_t{1} << 20;
};

/// What the driver of any virtio device behind vhost-user does: negotiates, shares its memory,
/// starts its rings, sends chains.
class Driver {
 public:
  /// Shares the memory, asks for an inflight region and starts all rings.
  Status start();

  Connection& connection() { return connection_; }
  /// The front end's end of the back end's channel; invalid fd if BACKEND_REQ isn't negotiated.
  MessageSocket& backendChannel() { return backendChannel_; }
  GuestMemory& memory() { return memory_; }
  const GuestMemory& memory() const { return memory_; }
  Virtqueue& queue(uint16_t index) { return queues_[index]; }
  /// The inflight region; empty before start(), or if INFLIGHT_SHMFD isn't negotiated.
  std::optional<InflightMemory>& inflight() { return inflight_; }
  uint16_t numQueues() const { return static_cast<uint16_t>(queues_.size()); }
  /// What was acknowledged.
  uint64_t features() const { return features_; }
  uint64_t protocolFeatures() const { return protocolFeatures_; }
  bool hasFeature(unsigned bit) const { return (features_ >> bit & 1) != 0; }

  /// Sends any chain on `queue` and waits for its used element; Error ETIMEDOUT, or EPROTO if
  /// another head comes back.
  Result<Used> submitAndWait(std::span<const Buffer> chain, uint16_t queue = 0);

 protected:
  Driver(Connection connection, DriverOptions options)
      : connection_(std::move(connection)), options_(options) {}
  ~Driver() = default;

  /// Takes memory, then negotiates: features, protocol features, SET_OWNER, the back end's channel.
  /// Of the bits of the device type the driver knows `deviceFeatures`.
  Status negotiate(uint64_t deviceFeatures);
  const DriverOptions& options() const { return options_; }

 private:
  Status shareMemory();
  Status setUpInflight();

  Connection connection_;
  const DriverOptions options_;
  MessageSocket backendChannel_;
  GuestMemory memory_;
  std::optional<InflightMemory> inflight_;
  std::vector<Virtqueue> queues_;
  uint64_t features_ = 0;
  uint64_t protocolFeatures_ = 0;
};

}  // namespace holdfast::frontend
