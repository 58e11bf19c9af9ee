#include "frontend/connection.h"

#include <cerrno>
#include <cstring>
#include <vector>

namespace holdfast::frontend {

namespace {

std::string name(Request request) {
  return "request " + std::to_string(uint32_t(request));
}

Error unexpected(Request request, const std::string& what) {
  return Error{EREMOTEIO, "the back end's reply to " + name(request) + " " + what};
}

template <typename T>
Result<T> payloadOf(Request request, const Result<Message>& reply) {
  if (!reply) return reply.error();
  const T* value = reply->template as<T>();
  if (value == nullptr) {
    return unexpected(request, "has " + std::to_string(reply->payload.size()) + " bytes");
  }
  return *value;
}

template <typename T>
void append(std::vector<std::byte>& bytes, const T& value) {
  const auto tail = bytesOf(value);
  bytes.insert(bytes.end(), tail.begin(), tail.end());
}

}  // namespace

Result<Connection> Connection::connect(const std::string& path) {
  Result<MessageSocket> socket = MessageSocket::connect(path);
  if (!socket) return socket.error();
  return Connection(std::move(*socket));
}

Status Connection::command(Request request, std::span<const std::byte> payload,
                           std::span<const int> fds) {
  const uint32_t flags = kVersion | (askForReplies_ ? kNeedReplyFlag : 0);
  if (Status sent = socket_.send(uint32_t(request), flags, payload, fds); !sent) return sent;
  if (!askForReplies_) return {};

  const Result<uint64_t> answer = payloadOf<uint64_t>(request, receiveReply(request));
  if (!answer) return answer.error();
  if (*answer != 0) {
    return Error{EREMOTEIO,
                 "the back end refused " + name(request) + " with " + std::to_string(*answer)};
  }
  return {};
}

Result<Message> Connection::request(Request request, std::span<const std::byte> payload,
                                    std::span<const int> fds) {
  if (Status sent = socket_.send(uint32_t(request), kVersion, payload, fds); !sent) {
    return sent.error();
  }
  return receiveReply(request);
}

Result<Message> Connection::receiveReply(Request request) {
  Result<Message> reply = socket_.receive();
  if (!reply) return reply;
  if (reply->request != uint32_t(request)) {
    return unexpected(request, "is of request " + std::to_string(reply->request));
  }
  if (reply->flags != (kVersion | kReplyFlag)) {
    return unexpected(request, "has flags " + std::to_string(reply->flags));
  }
  return reply;
}

Result<uint64_t> Connection::requestU64(Request request) {
  return payloadOf<uint64_t>(request, this->request(request));
}

Status Connection::setMemTable(std::span<const RegionDescription> regions,
                               std::span<const int> files) {
  std::vector<std::byte> payload;
  append(payload, MemTableHeader{static_cast<uint32_t>(regions.size()), 0});
  for (const RegionDescription& region : regions) append(payload, region);
  return command(Request::kSetMemTable, payload, files);
}

Status Connection::addMemReg(const RegionDescription& region, int file) {
  return command(Request::kAddMemReg, bytesOf(SingleRegion{0, region}), std::span(&file, 1));
}

Status Connection::remMemReg(const RegionDescription& region) {
  return command(Request::kRemMemReg, bytesOf(SingleRegion{0, region}));
}

Status Connection::setLogBase(const LogDescription& log, int file) {
  const Result<Message> reply =
      request(Request::kSetLogBase, bytesOf(log), std::span(&file, file < 0 ? 0 : 1));
  return reply ? Status() : reply.error();
}

Status Connection::setVringNum(uint32_t index, uint32_t size) {
  return command(Request::kSetVringNum, bytesOf(VringState{index, size}));
}

Status Connection::setVringBase(uint32_t index, uint32_t base) {
  return command(Request::kSetVringBase, bytesOf(VringState{index, base}));
}

Status Connection::setVringEnable(uint32_t index, bool enabled) {
  return command(Request::kSetVringEnable, bytesOf(VringState{index, enabled ? 1U : 0U}));
}

Result<uint32_t> Connection::getVringBase(uint32_t index) {
  const Request message = Request::kGetVringBase;
  const Result<VringState> state =
      payloadOf<VringState>(message, request(message, bytesOf(VringState{index, 0})));
  if (!state) return state.error();
  if (state->index != index) return unexpected(message, "is for another ring");
  return state->value;
}

Status Connection::vringFd(Request request, uint32_t index, int fd) {
  const uint64_t payload = index | (fd < 0 ? kNoFd : 0);
  return command(request, bytesOf(payload), std::span(&fd, fd < 0 ? 0 : 1));
}

Result<std::vector<std::byte>> Connection::getConfig(uint32_t offset, uint32_t size) {
  std::vector<std::byte> payload;
  append(payload, ConfigHeader{offset, size, 0});
  payload.resize(sizeof(ConfigHeader) + size);
  Result<Message> reply = request(Request::kGetConfig, payload);
  if (!reply) return reply.error();
  if (reply->payload.empty()) return unexpected(Request::kGetConfig, "says that it failed");
  if (reply->payload.size() != payload.size()) {
    return unexpected(Request::kGetConfig, "has another size than asked");
  }
  reply->payload.erase(reply->payload.begin(),
                       reply->payload.begin() + ptrdiff_t{sizeof(ConfigHeader)});
  return std::move(reply->payload);
}

Status Connection::setConfig(uint32_t offset, std::span<const std::byte> data, uint32_t flags) {
  std::vector<std::byte> payload;
  append(payload, ConfigHeader{offset, static_cast<uint32_t>(data.size()), flags});
  payload.insert(payload.end(), data.begin(), data.end());
  return command(Request::kSetConfig, payload);
}

Result<std::pair<InflightDescription, UniqueFd>> Connection::getInflightFd(uint16_t queueCount,
                                                                           uint16_t queueSize) {
  const Request message = Request::kGetInflightFd;
  const InflightDescription wanted{.queueCount = queueCount, .queueSize = queueSize};
  Result<Message> reply = request(message, bytesOf(wanted));
  const Result<InflightDescription> description = payloadOf<InflightDescription>(message, reply);
  if (!description) return description.error();
  if (reply->fds.size() != 1) return unexpected(message, "came without a file");
  return std::pair(*description, std::move(reply->fds.front()));
}

Result<MessageSocket> Connection::openBackendChannel() {
  Result<std::pair<MessageSocket, UniqueFd>> pair = MessageSocket::makePair();
  if (!pair) return pair.error();
  auto& [ours, theirs] = *pair;
  const int fd = theirs.get();
  if (Status sent = command(Request::kSetBackendReqFd, {}, std::span(&fd, 1)); !sent) {
    return sent.error();
  }
  return std::move(ours);
}

}  // namespace holdfast::frontend
