#include "frontend/blk_driver.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast::frontend {

namespace {

constexpr uint64_t bit(unsigned number) {
  return 1ULL << number;
}

constexpr uint64_t kKnownFeatures =
    bit(VIRTIO_BLK_F_SIZE_MAX) | bit(VIRTIO_BLK_F_SEG_MAX) | bit(VIRTIO_BLK_F_GEOMETRY) |
    bit(VIRTIO_BLK_F_RO) | bit(VIRTIO_BLK_F_BLK_SIZE) | bit(VIRTIO_BLK_F_FLUSH) |
    bit(VIRTIO_BLK_F_TOPOLOGY) | bit(VIRTIO_BLK_F_CONFIG_WCE) | bit(VIRTIO_BLK_F_MQ) |
    bit(VIRTIO_BLK_F_DISCARD) | bit(VIRTIO_BLK_F_WRITE_ZEROES) | bit(kFeatureIndirect) |
    bit(kFeatureEventIndex) | kProtocolFeaturesBit | kVirtioVersion1Bit;

constexpr uint64_t kKnownProtocolFeatures =
    protocol_feature::kMultiqueue | protocol_feature::kReplyAck | protocol_feature::kBackendReq |
    protocol_feature::kConfig | protocol_feature::kResetDevice |
    protocol_feature::kConfigureMemSlots;

/// Up to WRITE_ZEROES: what QEMU asks for. Its own back end refuses to tell more than it knows.
constexpr uint32_t kConfigSize = 60;
static_assert(kConfigSize <= sizeof(virtio_blk_config));

constexpr uint64_t kCacheLine = 64;
/// What O_DIRECT accepts anywhere.
constexpr uint64_t kDataAlignment = 4096;

}  // namespace

BlkDriver::BlkDriver(Connection connection, BlkDriverOptions options)
    : connection_(std::move(connection)), options_(options) {}

Result<std::unique_ptr<BlkDriver>> BlkDriver::open(const std::string& path,
                                                   BlkDriverOptions options) {
  Result<Connection> connection = Connection::connect(path);
  if (!connection) return connection.error();
  return open(std::move(*connection), options);
}

Result<std::unique_ptr<BlkDriver>> BlkDriver::open(Connection connection,
                                                   BlkDriverOptions options) {
  std::unique_ptr<BlkDriver> driver(new BlkDriver(std::move(connection), options));
  if (options.memorySize > 0) {
    if (Status added = driver->memory_.addRegion(0, options.memorySize); !added) {
      return added.error();
    }
  }
  if (Status negotiated = driver->negotiate(); !negotiated) return negotiated.error();
  return driver;
}

Result<std::unique_ptr<BlkDriver>> BlkDriver::openAndStart(const std::string& path,
                                                           BlkDriverOptions options) {
  Result<Connection> connection = Connection::connect(path);
  if (!connection) return connection.error();
  return openAndStart(std::move(*connection), options);
}

Result<std::unique_ptr<BlkDriver>> BlkDriver::openAndStart(Connection connection,
                                                           BlkDriverOptions options) {
  Result<std::unique_ptr<BlkDriver>> driver = open(std::move(connection), options);
  if (!driver) return driver;
  if (Status started = (*driver)->start(); !started) return started.error();
  return driver;
}

Status BlkDriver::negotiate() {
  const Result<uint64_t> offered = connection_.getFeatures();
  if (!offered) return offered.error();
  features_ = *offered & options_.features & kKnownFeatures;

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

Status BlkDriver::start() {
  if (Status s = connection_.setFeatures(features_); !s) return s;
  if (Status s = shareMemory(); !s) return s;

  const bool enable = (features_ & kProtocolFeaturesBit) != 0;
  for (uint16_t index = 0; index < options_.numQueues; ++index) {
    Result<Virtqueue> queue =
        Virtqueue::create(memory_, index, options_.queueSize, hasFeature(kFeatureEventIndex));
    if (!queue) return queue.error();
    queues_.push_back(std::move(*queue));
    scratch_.emplace_back();
    if (Status s = queues_.back().start(connection_, enable); !s) return s;
  }
  return {};
}

Status BlkDriver::shareMemory() {
  if ((protocolFeatures_ & protocol_feature::kConfigureMemSlots) == 0) {
    return connection_.setMemTable(memory_.descriptions(), memory_.files());
  }
  for (const GuestMemory::Region& region : memory_.regions()) {
    if (Status s = connection_.addMemReg(region.description, region.file.get()); !s) return s;
  }
  return {};
}

Result<BlkDriver::RequestBuffers> BlkDriver::scratch(uint16_t queue) {
  std::optional<RequestBuffers>& own = scratch_[queue];
  if (!own) {
    Result<RequestBuffers> made = makeRequest(VIRTIO_BLK_T_IN, 0, options_.scratchSize, true);
    if (!made) return made.error();
    own = *made;
  }
  return *own;
}

Result<virtio_blk_config> BlkDriver::config() {
  const Result<std::vector<std::byte>> bytes = connection_.getConfig(0, kConfigSize);
  if (!bytes) return bytes.error();
  virtio_blk_config config{};
  std::memcpy(&config, bytes->data(), bytes->size());
  return config;
}

Result<BlkDriver::RequestBuffers> BlkDriver::makeRequest(uint32_t type, uint64_t sector,
                                                         uint32_t dataSize, bool dataWritable) {
  const Result<uint64_t> header = memory_.allocate(sizeof(virtio_blk_outhdr), kCacheLine);
  const Result<uint64_t> status = memory_.allocate(1, kCacheLine);
  const Result<uint64_t> data = memory_.allocate(dataSize, kDataAlignment);
  if (!header) return header.error();
  if (!status) return status.error();
  if (!data) return data.error();

  const virtio_blk_outhdr contents{type, 0, sector};
  std::memcpy(memory_.hostAddr(*header), &contents, sizeof contents);
  *memory_.hostAddr(*status) = std::byte{kNoStatus};
  return RequestBuffers{
      {*header, sizeof contents, false}, {*data, dataSize, dataWritable}, {*status, 1, true}};
}

uint8_t BlkDriver::statusOf(const RequestBuffers& request) const {
  return std::to_integer<uint8_t>(*memory_.hostAddr(request.status.guestAddr));
}

std::span<std::byte> BlkDriver::dataOf(const RequestBuffers& request) const {
  return {memory_.hostAddr(request.data.guestAddr), request.data.size};
}

Result<SplitRing::Used> BlkDriver::submitAndWait(std::span<const Buffer> chain, uint16_t queue) {
  Virtqueue& virtqueue = queues_[queue];
  const std::optional<uint16_t> head = virtqueue.ring().add(chain);
  if (!head) return Error{ENOSPC, "the chain does not fit the ring"};
  virtqueue.publish();
  Result<SplitRing::Used> used = virtqueue.popWait();
  if (used && used->head != *head) return Error{EPROTO, "another chain came back"};
  return used;
}

Result<uint8_t> BlkDriver::run(uint32_t type, uint64_t sector, std::span<const std::byte> out,
                               std::span<std::byte> in, uint16_t queue) {
  const size_t size = std::max(out.size(), in.size());
  if (size > options_.scratchSize) return Error{EMSGSIZE, "more than scratchSize bytes"};

  const Result<RequestBuffers> own = scratch(queue);
  if (!own) return own.error();
  const virtio_blk_outhdr header{type, 0, sector};
  std::memcpy(memory_.hostAddr(own->header.guestAddr), &header, sizeof header);
  *memory_.hostAddr(own->status.guestAddr) = std::byte{kNoStatus};
  std::byte* data = memory_.hostAddr(own->data.guestAddr);
  if (!out.empty()) std::memcpy(data, out.data(), out.size());

  const Buffer dataBuffer{own->data.guestAddr, static_cast<uint32_t>(size), !in.empty()};
  const Buffer withData[] = {own->header, dataBuffer, own->status};
  const Buffer withoutData[] = {own->header, own->status};
  const std::span<const Buffer> chain =
      size == 0 ? std::span<const Buffer>(withoutData) : std::span<const Buffer>(withData);
  if (Result<SplitRing::Used> used = submitAndWait(chain, queue); !used) return used.error();
  if (!in.empty()) std::memcpy(in.data(), data, in.size());
  return statusOf(*own);
}

Result<uint8_t> BlkDriver::read(uint64_t sector, std::span<std::byte> data, uint16_t queue) {
  return run(VIRTIO_BLK_T_IN, sector, {}, data, queue);
}

Result<uint8_t> BlkDriver::write(uint64_t sector, std::span<const std::byte> data, uint16_t queue) {
  return run(VIRTIO_BLK_T_OUT, sector, data, {}, queue);
}

Result<uint8_t> BlkDriver::flush(uint16_t queue) {
  return run(VIRTIO_BLK_T_FLUSH, 0, {}, {}, queue);
}

Result<uint8_t> BlkDriver::getId(std::span<std::byte> id, uint16_t queue) {
  return run(VIRTIO_BLK_T_GET_ID, 0, {}, id, queue);
}

Result<uint8_t> BlkDriver::discard(std::span<const virtio_blk_discard_write_zeroes> ranges,
                                   uint16_t queue) {
  return run(VIRTIO_BLK_T_DISCARD, 0, std::as_bytes(ranges), {}, queue);
}

Result<uint8_t> BlkDriver::writeZeroes(std::span<const virtio_blk_discard_write_zeroes> ranges,
                                       uint16_t queue) {
  return run(VIRTIO_BLK_T_WRITE_ZEROES, 0, std::as_bytes(ranges), {}, queue);
}

}  // namespace holdfast::frontend
