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
    bit(VIRTIO_BLK_F_DISCARD) | bit(VIRTIO_BLK_F_WRITE_ZEROES) | bit(VIRTIO_BLK_F_SCSI);

/// Up to WRITE_ZEROES: what QEMU asks for. Its own back end refuses to tell more than it knows.
constexpr uint32_t kConfigSize = 60;
static_assert(kConfigSize <= sizeof(virtio_blk_config));

constexpr uint64_t kCacheLine = 64;
/// What O_DIRECT accepts anywhere.
constexpr uint64_t kDataAlignment = 4096;

}  // namespace

Result<std::unique_ptr<BlkDriver>> BlkDriver::open(const std::string& path,
                                                   BlkDriverOptions options) {
  Result<Connection> connection = Connection::connect(path);
  if (!connection) return connection.error();
  return open(std::move(*connection), options);
}

Result<std::unique_ptr<BlkDriver>> BlkDriver::open(Connection connection,
                                                   BlkDriverOptions options) {
  std::unique_ptr<BlkDriver> driver(new BlkDriver(std::move(connection), options));
  if (Status negotiated = driver->negotiate(kKnownFeatures); !negotiated) return negotiated.error();
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

Result<BlkDriver::RequestBuffers> BlkDriver::scratch(uint16_t queue) {
  std::optional<RequestBuffers>& own = scratch_[queue];
  if (!own) {
    Result<RequestBuffers> made = makeRequest(VIRTIO_BLK_T_IN, 0, options().scratchSize, true);
    if (!made) return made.error();
    own = *made;
  }
  return *own;
}

Result<virtio_blk_config> BlkDriver::config() {
  const Result<std::vector<std::byte>> bytes = connection().getConfig(0, kConfigSize);
  if (!bytes) return bytes.error();
  virtio_blk_config config{};
  std::memcpy(&config, bytes->data(), bytes->size());
  return config;
}

Result<BlkDriver::RequestBuffers> BlkDriver::makeRequest(uint32_t type, uint64_t sector,
                                                         uint32_t dataSize, bool dataWritable) {
  const Result<uint64_t> header = memory().allocate(sizeof(virtio_blk_outhdr), kCacheLine);
  const Result<uint64_t> status = memory().allocate(1, kCacheLine);
  const Result<uint64_t> data = memory().allocate(dataSize, kDataAlignment);
  if (!header) return header.error();
  if (!status) return status.error();
  if (!data) return data.error();

  const virtio_blk_outhdr contents{type, 0, sector};
  std::memcpy(memory().hostAddr(*header), &contents, sizeof contents);
  *memory().hostAddr(*status) = std::byte{kNoStatus};
  return RequestBuffers{
      {*header, sizeof contents, false}, {*data, dataSize, dataWritable}, {*status, 1, true}};
}

uint8_t BlkDriver::statusOf(const RequestBuffers& request) const {
  return std::to_integer<uint8_t>(*memory().hostAddr(request.status.guestAddr));
}

std::span<std::byte> BlkDriver::dataOf(const RequestBuffers& request) const {
  return {memory().hostAddr(request.data.guestAddr), request.data.size};
}

Result<uint8_t> BlkDriver::run(uint32_t type, uint64_t sector, std::span<const std::byte> out,
                               std::span<std::byte> in, uint16_t queue) {
  const size_t size = std::max(out.size(), in.size());
  if (size > options().scratchSize) return Error{EMSGSIZE, "more than scratchSize bytes"};

  const Result<RequestBuffers> own = scratch(queue);
  if (!own) return own.error();
  const virtio_blk_outhdr header{type, 0, sector};
  std::memcpy(memory().hostAddr(own->header.guestAddr), &header, sizeof header);
  *memory().hostAddr(own->status.guestAddr) = std::byte{kNoStatus};
  std::byte* data = memory().hostAddr(own->data.guestAddr);
  if (!out.empty()) std::memcpy(data, out.data(), out.size());

  const Buffer dataBuffer{own->data.guestAddr, static_cast<uint32_t>(size), !in.empty()};
  const Buffer withData[] = {own->header, dataBuffer, own->status};
  const Buffer withoutData[] = {own->header, own->status};
  const std::span<const Buffer> chain =
      size == 0 ? std::span<const Buffer>(withoutData) : std::span<const Buffer>(withData);
  if (Result<Used> used = submitAndWait(chain, queue); !used) return used.error();
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
