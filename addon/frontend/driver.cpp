#include "frontend/driver.h"

#include <cerrno>

namespace holdfast::frontend {

namespace {

constexpr uint64_t kTransportFeatures = 1ULL << kFeatureIndirect | 1ULL << kFeatureEventIndex |
                                        kProtocolFeaturesBit | kVirtioVersion1Bit;

constexpr uint64_t kKnownProtocolFeatures =
    protocol_feature::kMultiqueue | protocol_feature::kLogShmfd | protocol_feature::kReplyAck |
    protocol_feature::kBackendReq | protocol_feature::kConfig | protocol_feature::kInflightShmfd |
    protocol_feature::kResetDevice | protocol_feature::kConfigureMemSlots;

}  // namespace

Status Driver::negotiate(uint64_t deviceFeatures) {
  if (options_.memorySize > 0) {
    if (Status added = memory_.addRegion(0, options_.memorySize); !added) return added;
  }
  const Result<uint64_t> offered = connection_.getFeatures();
  if (!offered) return offered.error();
  const uint64_t known =
      deviceFeatures | kTransportFeatures | (options_.packed ? 1ULL << kFeaturePacked : 0);
  features_ = *offered & options_.features & known;

  uint64_t maxQueues = 1;
  if ((features_ & kProtocolFeaturesBit) != 0) {
    const Result<uint64_t> protocol = connection_.getProtocolFeatures();
    if (!protocol) return protocol.error();
    protocolFeatures_ = *protocol & options_.protocolFeatures & kKnownProtocolFeatures;
    if (Status s = connection_.setProtocolFeatures(protocolFeatures_); !s) return s;
    connection_.setAskForReplies((protocolFeatures_ & protocol_feature::kReplyAck) != 0);
    if ((protocolFeatures_ & protocol_feature::kMultiqueue) != 0) {
      const Result<uint64_t> count = connection_.getQueueNum();
      if (!count) return count.error();
      maxQueues = *count;
    }
    if ((protocolFeatures_ & protocol_feature::kBackendReq) != 0) {
      Result<MessageSocket> channel = connection_.openBackendChannel();
      if (!channel) return channel.error();
      backendChannel_ = std::move(*channel);
    }
  }
  if (options_.numQueues > maxQueues) {
    return Error{EINVAL, std::to_string(options_.numQueues) +
                             " queues asked for, the back end has " + std::to_string(maxQueues)};
  }
  return connection_.setOwner();
}

Status Driver::start() {
  if (Status s = connection_.setFeatures(features_); !s) return s;
  if (Status s = setUpInflight(); !s) return s;
  if (Status s = shareMemory(); !s) return s;

  const bool enable = (features_ & kProtocolFeaturesBit) != 0;
  for (uint16_t index = 0; index < options_.numQueues; ++index) {
    Result<Virtqueue> queue = Virtqueue::create(memory_, index,
                                                {.size = options_.queueSize,
                                                 .eventIndex = hasFeature(kFeatureEventIndex),
                                                 .packed = hasFeature(kFeaturePacked)});
    if (!queue) return queue.error();
    queues_.push_back(std::move(*queue));
    if (Status s = queues_.back().start(connection_, enable); !s) return s;
  }
  return {};
}

Status Driver::setUpInflight() {
  if ((protocolFeatures_ & protocol_feature::kInflightShmfd) == 0) return {};
  auto region = InflightMemory::request(connection_, options_.numQueues, options_.queueSize);
  if (!region) return region.error();
  inflight_ = std::move(*region);
  return inflight_->give(connection_);
}

Status Driver::shareMemory() {
  if ((protocolFeatures_ & protocol_feature::kConfigureMemSlots) == 0) {
    return connection_.setMemTable(memory_.descriptions(), memory_.files());
  }
  for (const GuestMemory::Region& region : memory_.regions()) {
    if (Status s = connection_.addMemReg(region.description, region.file.get()); !s) return s;
  }
  return {};
}

Result<Used> Driver::submitAndWait(std::span<const Buffer> chain, uint16_t queue) {
  Virtqueue& virtqueue = queues_[queue];
  const std::optional<uint16_t> head = virtqueue.ring().add(chain);
  if (!head) return Error{ENOSPC, "the chain does not fit the ring"};
  virtqueue.publish();
  Result<Used> used = virtqueue.popWait();
  if (used && used->head != *head) return Error{EPROTO, "another chain came back"};
  return used;
}

}  // namespace holdfast::frontend
