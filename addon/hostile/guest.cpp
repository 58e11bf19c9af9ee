#include "hostile/guest.h"

#include <utility>

namespace holdfast::hostile {

namespace {

using namespace frontend;

constexpr uint16_t kRingSize = 16;
constexpr uint64_t kMemorySize = uint64_t{1} << 20;
constexpr uint32_t kScratchSize = 4096;

}  // namespace

Status Guest::connect() {
  auto connection = Connection::connect(socketPath_);
  if (!connection) return connection.error();
  connection_ = std::move(*connection);
  return {};
}

Status Guest::negotiate() {
  if (Status connected = connect(); !connected) return connected;
  const auto features = connection_->getFeatures();
  if (!features) return features.error();
  const auto protocol = connection_->getProtocolFeatures();
  if (!protocol) return protocol.error();
  if (Status set = connection_->setProtocolFeatures(*protocol); !set) return set;
  connection_->setAskForReplies(true);
  return connection_->setFeatures(packed() ? *features : *features & ~(1ULL << kFeaturePacked));
}

Status Guest::start() {
  DriverOptions options{.queueSize = kRingSize,
                        .packed = packed(),
                        .memorySize = kMemorySize,
                        .scratchSize = kScratchSize};
  if (device_ == DeviceKind::kBlk) {
    auto driver = BlkDriver::openAndStart(socketPath_, options);
    if (!driver) return driver.error();
    blk_ = std::move(*driver);
  } else {
    options.numQueues = ScsiDriver::kFirstRequestQueue + 1;
    auto driver = ScsiDriver::openAndStart(socketPath_, options);
    if (!driver) return driver.error();
    scsi_ = std::move(*driver);
  }
  return {};
}

Connection& Guest::connection() {
  return connection_ ? *connection_ : driver().connection();
}

Driver& Guest::driver() {
  if (blk_) return *blk_;
  return *scsi_;
}

Virtqueue& Guest::queue() {
  if (blk_) return blk_->queue(0);
  const uint16_t queues[] = {ScsiDriver::kFirstRequestQueue, ScsiDriver::kControlQueue};
  return scsi_->queue(pick(queues));
}

}  // namespace holdfast::hostile
