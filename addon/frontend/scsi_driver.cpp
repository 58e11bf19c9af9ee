#include "frontend/scsi_driver.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast::frontend {

namespace {

constexpr uint64_t kKnownFeatures =
    1ULL << VIRTIO_SCSI_F_INOUT | 1ULL << VIRTIO_SCSI_F_HOTPLUG | 1ULL << VIRTIO_SCSI_F_CHANGE;

constexpr uint64_t kCacheLine = 64;
/// What O_DIRECT accepts anywhere.
constexpr uint64_t kDataAlignment = 4096;

}  // namespace

ScsiLun scsiLun(uint8_t target, uint16_t lun) {
  return {1, target, static_cast<uint8_t>(0x40 | lun >> 8), static_cast<uint8_t>(lun)};
}

uint32_t ScsiResult::senseCode() const {
  if (sense.size() < 8) return 0;
  const bool descriptors = (sense[0] & 0x7f) >= 0x72;
  if (descriptors) return uint32_t{sense[1]} << 16 | uint32_t{sense[2]} << 8 | sense[3];
  if (sense.size() < 14) return 0;
  return (sense[2] & 0x0fU) << 16 | uint32_t{sense[12]} << 8 | sense[13];
}

Result<std::unique_ptr<ScsiDriver>> ScsiDriver::openAndStart(const std::string& path,
                                                             DriverOptions options) {
  Result<Connection> connection = Connection::connect(path);
  if (!connection) return connection.error();
  std::unique_ptr<ScsiDriver> driver(new ScsiDriver(std::move(*connection), options));
  if (Status negotiated = driver->negotiate(kKnownFeatures); !negotiated) return negotiated.error();
  if (Status started = driver->start(); !started) return started.error();
  return driver;
}

Result<virtio_scsi_config> ScsiDriver::config() {
  const Result<std::vector<std::byte>> bytes =
      connection().getConfig(0, sizeof(virtio_scsi_config));
  if (!bytes) return bytes.error();
  virtio_scsi_config config;
  std::memcpy(&config, bytes->data(), sizeof config);
  return config;
}

Result<ScsiDriver::Request> ScsiDriver::makeRequest(const ScsiLun& lun,
                                                    std::span<const uint8_t> cdb, uint32_t dataSize,
                                                    bool dataWritable, uint64_t tag) {
  const Result<uint64_t> header = memory().allocate(sizeof(virtio_scsi_cmd_req), kCacheLine);
  const Result<uint64_t> response = memory().allocate(sizeof(virtio_scsi_cmd_resp), kCacheLine);
  const Result<uint64_t> data = memory().allocate(dataSize, kDataAlignment);
  if (!header) return header.error();
  if (!response) return response.error();
  if (!data) return data.error();
  const Request request{{*header, sizeof(virtio_scsi_cmd_req), false},
                        {*response, sizeof(virtio_scsi_cmd_resp), true},
                        {*data, dataSize, dataWritable}};
  virtio_scsi_cmd_req& contents = headerOf(request);
  contents = {};
  std::copy(lun.begin(), lun.end(), contents.lun);
  contents.tag = tag;
  std::copy(cdb.begin(), cdb.end(), contents.cdb);
  std::memset(memory().hostAddr(*response), kNoResponse, sizeof(virtio_scsi_cmd_resp));
  return request;
}

std::span<std::byte> ScsiDriver::dataOf(const Request& request) const {
  return {memory().hostAddr(request.data.guestAddr), request.data.size};
}

virtio_scsi_cmd_req& ScsiDriver::headerOf(const Request& request) const {
  return *reinterpret_cast<virtio_scsi_cmd_req*>(memory().hostAddr(request.header.guestAddr));
}

ScsiResult ScsiDriver::resultOf(const Request& request, uint32_t writtenBytes) const {
  ScsiResult result = resultIn(memory().hostAddr(request.response.guestAddr));
  result.writtenBytes = writtenBytes;
  return result;
}

ScsiResult ScsiDriver::resultIn(const std::byte* memory) {
  virtio_scsi_cmd_resp response;
  std::memcpy(&response, memory, sizeof response);
  const size_t senseSize = std::min<size_t>(response.sense_len, sizeof response.sense);
  return {.response = response.response,
          .status = response.status,
          .residual = response.resid,
          .sense = {response.sense, response.sense + senseSize}};
}

std::vector<Buffer> ScsiDriver::chainOf(const Request& request) {
  std::vector<Buffer> chain{request.header};
  if (request.data.size > 0 && !request.data.writable) chain.push_back(request.data);
  chain.push_back(request.response);
  if (request.data.size > 0 && request.data.writable) chain.push_back(request.data);
  return chain;
}

Result<uint16_t> ScsiDriver::submit(const Request& request, uint16_t index) {
  const std::optional<uint16_t> head = queue(index).ring().add(chainOf(request));
  if (!head) return Error{ENOSPC, "the request does not fit the ring"};
  queue(index).publish();
  return *head;
}

Result<ScsiResult> ScsiDriver::execute(const ScsiLun& lun, std::span<const uint8_t> cdb,
                                       std::span<const std::byte> out, std::span<std::byte> in,
                                       uint16_t index) {
  const size_t size = std::max(out.size(), in.size());
  if (size > options().scratchSize) return Error{EMSGSIZE, "more than scratchSize bytes"};
  std::optional<Request>& own = scratch_[index];
  if (!own) {
    Result<Request> made = makeRequest(lun, cdb, options().scratchSize, true);
    if (!made) return made.error();
    own = *made;
  }
  Request request = *own;
  request.data.size = static_cast<uint32_t>(size);
  request.data.writable = !in.empty();
  virtio_scsi_cmd_req& header = headerOf(request);
  header = {};
  std::copy(lun.begin(), lun.end(), header.lun);
  std::copy(cdb.begin(), cdb.end(), header.cdb);
  std::memset(memory().hostAddr(request.response.guestAddr), kNoResponse, request.response.size);
  const std::span<std::byte> data = dataOf(request);
  std::copy(out.begin(), out.end(), data.begin());
  std::copy(in.begin(), in.end(), data.begin());

  const Result<Used> used = submitAndWait(chainOf(request), index);
  if (!used) return used.error();
  std::copy_n(data.begin(), in.size(), in.begin());
  return resultOf(request, used->writtenBytes);
}

Result<ScsiDriver::Function> ScsiDriver::submitFunction(uint32_t subtype, const ScsiLun& lun,
                                                        uint64_t tag) {
  const Result<uint64_t> header = memory().allocate(sizeof(virtio_scsi_ctrl_tmf_req), kCacheLine);
  const Result<uint64_t> response = memory().allocate(1, kCacheLine);
  if (!header) return header.error();
  if (!response) return response.error();
  virtio_scsi_ctrl_tmf_req contents{
      .type = VIRTIO_SCSI_T_TMF, .subtype = subtype, .lun = {}, .tag = tag};
  std::copy(lun.begin(), lun.end(), contents.lun);
  std::memcpy(memory().hostAddr(*header), &contents, sizeof contents);
  *memory().hostAddr(*response) = std::byte{kNoResponse};
  const Buffer chain[] = {{*header, sizeof contents, false}, {*response, 1, true}};
  const std::optional<uint16_t> head = queue(kControlQueue).ring().add(chain);
  if (!head) return Error{ENOSPC, "the function does not fit the ring"};
  queue(kControlQueue).publish();
  return Function{*head, memory().hostAddr(*response)};
}

Result<uint8_t> ScsiDriver::manageTask(uint32_t subtype, const ScsiLun& lun, uint64_t tag) {
  const Result<Function> function = submitFunction(subtype, lun, tag);
  if (!function) return function.error();
  const Result<Used> used = queue(kControlQueue).popWait();
  if (!used) return used.error();
  if (used->head != function->head) return Error{EPROTO, "another chain came back"};
  return std::to_integer<uint8_t>(*function->response);
}

Status ScsiDriver::offerEventBuffers(unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    const Result<uint64_t> buffer = memory().allocate(sizeof(virtio_scsi_event), kCacheLine);
    if (!buffer) return buffer.error();
    const Buffer chain[] = {{*buffer, sizeof(virtio_scsi_event), true}};
    const std::optional<uint16_t> head = queue(kEventQueue).ring().add(chain);
    if (!head) return Error{ENOSPC, "the event queue is full"};
    eventBuffers_.emplace_back(*head, *buffer);
  }
  queue(kEventQueue).publish();
  return {};
}

Result<virtio_scsi_event> ScsiDriver::nextEvent() {
  const Result<Used> used = queue(kEventQueue).popWait();
  if (!used) return used.error();
  const auto found = std::find_if(eventBuffers_.begin(), eventBuffers_.end(),
                                  [&](const auto& entry) { return entry.first == used->head; });
  if (found == eventBuffers_.end()) return Error{EPROTO, "no event buffer of ours"};
  virtio_scsi_event event;
  std::memcpy(&event, memory().hostAddr(found->second), sizeof event);
  eventBuffers_.erase(found);
  return event;
}

}  // namespace holdfast::frontend
