#include "script.h"

#include <linux/virtio_blk.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "core/vhost_user/message.h"

namespace holdfast::sessions {

using frontend::Descriptor;
using frontend::kDescriptorNext;
using frontend::kDescriptorWrite;
using frontend::Message;
using frontend::VringState;

namespace {

constexpr uint8_t kNoStatus = 0xff;

std::string nameOf(Request request) {
  return vhost_user::requestName(uint32_t(request));
}

bool hasReply(Request request) {
  switch (request) {
    case Request::kGetFeatures:
    case Request::kGetProtocolFeatures:
    case Request::kGetVringBase:
    case Request::kGetQueueNum:
    case Request::kGetMaxMemSlots:
    case Request::kGetConfig:
    case Request::kGetInflightFd:
    case Request::kSetLogBase:
    case Request::kPostcopyAdvise:
    case Request::kPostcopyListen:
    case Request::kPostcopyEnd:
    case Request::kGetStatus:
      return true;
    default:
      return false;
  }
}

/// This program can't go on without it.
template <typename T>
T required(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "holdfast-sessions: %s\n", result.error().message.c_str());
  std::exit(1);
}

void required(const Status& status) {
  if (!status) required(Result<int>(status.error()));
}

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  char digits[3];
  for (const std::byte byte : bytes) {
    std::snprintf(digits, sizeof digits, "%02x", unsigned(byte));
    text += digits;
  }
  return text;
}

std::string describe(const Message& answer) {
  std::string text;
  if (const auto* number = answer.as<uint64_t>())
    text = std::to_string(int64_t(*number));
  else if (answer.payload.empty())
    text = "an empty answer";
  else
    text = hex(answer.payload);
  if (!answer.fds.empty()) text += ", with a descriptor";
  if (answer.flags != (frontend::kVersion | frontend::kReplyFlag))
    text += ", flags " + std::to_string(answer.flags);
  return text;
}

}  // namespace

Script::Script(MessageSocket socket) : socket_(std::move(socket)) {
  socket_.setTimeout(kAnswerTime);
  required(memory_.addRegion(kGuestBase, kMemorySize));
  header_ = required(memory_.allocate(4096 + kDataSize, 4096));
}

void Script::note(std::string line) {
  if (!ended_) transcript_.push_back(std::move(line));
}

void Script::end(const std::string& where) {
  note(where + ": the connection ends");
  ended_ = true;
}

void Script::close() {
  say(Request::kGetFeatures);
  note("the connection goes on");
}

void Script::send(Request request, const Bytes& payload, const Fds& fds, bool answered) {
  if (ended_) return;
  const bool acknowledged = answered && !hasReply(request);
  const uint32_t flags = frontend::kVersion | (acknowledged ? frontend::kNeedReplyFlag : 0);
  // A back end that has gone is noticed when its answer doesn't come.
  (void)socket_.send(uint32_t(request), flags, payload, fds);
}

std::optional<Message> Script::receive(Request request) {
  if (ended_) return std::nullopt;
  auto answer = socket_.receive();
  if (answer) return std::move(*answer);
  if (answer.error().code == ETIMEDOUT)
    note(nameOf(request) + ": no answer");
  else
    end(nameOf(request));
  ended_ = true;
  return std::nullopt;
}

void Script::tell(Request request, const Bytes& payload, const Fds& fds) {
  send(request, payload, fds, false);
}

void Script::tellRaw(const Bytes& bytes, const Fds& fds) {
  if (!ended_) (void)socket_.sendRaw(bytes, fds);
}

void Script::ask(Request request, const Bytes& payload, const Fds& fds) {
  send(request, payload, fds, true);
  noteAnswer(request);
}

void Script::noteAnswer(Request request) {
  const auto answer = receive(request);
  if (!answer) return;
  if (hasReply(request))
    note(nameOf(request) + ": " + describe(*answer));
  else
    note(nameOf(request) + (judge(*answer) ? ": acknowledged" : ": refused"));
}

bool Script::judge(const Message& acknowledgement) {
  const auto* value = acknowledgement.as<uint64_t>();
  const bool accepted = value && *value == 0;
  refused_ = refused_ || !accepted;
  return accepted;
}

std::optional<Message> Script::say(Request request, const Bytes& payload, const Fds& fds) {
  send(request, payload, fds, true);
  auto answer = receive(request);
  if (!answer || hasReply(request)) return answer;
  if (!judge(*answer)) note(nameOf(request) + ": refused");
  return answer;
}

void Script::stopReading() {
  if (!ended_) ::shutdown(socket_.fd(), SHUT_RD);
}

void Script::leave() {
  note("the front end goes");
  ended_ = true;
}

void Script::hangUp() {
  if (ended_) return;
  ::shutdown(socket_.fd(), SHUT_WR);
  if (const auto answer = socket_.receive())
    note("hung up: " + describe(*answer));
  else if (answer.error().code == ETIMEDOUT)
    note("hung up: the connection stays");
  else
    end("hung up");
  ended_ = true;
}

void Script::negotiate(uint64_t features, uint64_t protocolFeatures) {
  say(Request::kGetFeatures);
  say(Request::kGetProtocolFeatures);
  tell(Request::kSetProtocolFeatures, pack(protocolFeatures));
  say(Request::kSetOwner);
  say(Request::kSetFeatures, pack(features));
}

void Script::shareMemory() {
  for (const auto& region : memory_.regions())
    say(Request::kAddMemReg, pack(frontend::SingleRegion{0, region.description}),
        {region.file.get()});
}

void Script::startRing(uint16_t index) {
  callFd(index);
  errFd(index);
  size(kRingSize, index);
  base(0, index);
  address(index);
  kickFd(index);
  enable(true, index);
}

void Script::start(uint64_t features, uint64_t protocolFeatures) {
  negotiate(features, protocolFeatures);
  shareMemory();
  startRing();
}

frontend::Virtqueue& Script::queue(uint16_t index) {
  while (queues_.size() <= index) {
    const auto next = static_cast<uint16_t>(queues_.size());
    queues_.push_back(required(frontend::Virtqueue::create(memory_, next, {.size = kRingSize})));
  }
  return queues_[index];
}

frontend::VringAddresses Script::addresses(uint16_t index) {
  const frontend::RingLayout& layout = ring(index).layout();
  const auto frontendAddr = [&](uint64_t guestAddr) {
    return reinterpret_cast<uintptr_t>(memory_.hostAddr(guestAddr));
  };
  return {.index = index,
          .descriptorAddr = frontendAddr(layout.descriptors),
          .usedAddr = frontendAddr(layout.used),
          .availableAddr = frontendAddr(layout.available),
          .logAddr = layout.used};
}

void Script::callFd(uint16_t index) {
  say(Request::kSetVringCall, pack(uint64_t{index}), {queue(index).callFd()});
}

void Script::errFd(uint16_t index) {
  say(Request::kSetVringErr, pack(uint64_t{index}), {queue(index).errFd()});
}

void Script::size(uint32_t descriptors, uint16_t index) {
  say(Request::kSetVringNum, pack(VringState{index, descriptors}));
}

void Script::base(uint32_t base, uint16_t index) {
  say(Request::kSetVringBase, pack(VringState{index, base}));
}

void Script::address(uint16_t index) {
  say(Request::kSetVringAddr, pack(addresses(index)));
}

void Script::kickFd(uint16_t index) {
  say(Request::kSetVringKick, pack(uint64_t{index}), {queue(index).kickFd()});
}

void Script::enable(bool enabled, uint16_t index) {
  say(Request::kSetVringEnable, pack(VringState{index, enabled ? 1U : 0U}));
}

void Script::stop(uint16_t index) {
  const auto answer = say(Request::kGetVringBase, pack(VringState{index, 0}));
  if (!answer) return;
  const auto* state = answer->as<VringState>();
  note("GET_VRING_BASE: " + (state ? std::to_string(state->value) : describe(*answer)));
}

void Script::writeHeader(uint32_t type, uint64_t sector) {
  *reinterpret_cast<virtio_blk_outhdr*>(memory_.hostAddr(header_)) = {type, 0, sector};
}

std::span<std::byte> Script::dataBytes(uint32_t size) {
  return {memory_.hostAddr(data(), size), size};
}

void Script::request(const std::string& name, uint32_t type, uint64_t sector, uint32_t size,
                     uint16_t index) {
  if (ended_) return;
  writeHeader(type, sector);
  const bool out =
      type == VIRTIO_BLK_T_OUT || type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES;
  std::vector<Descriptor> parts{{header(), 16, kDescriptorNext, 1}};
  if (size > 0)
    parts.push_back(
        {data(), size, static_cast<uint16_t>(kDescriptorNext | (out ? 0 : kDescriptorWrite)), 2});
  parts.push_back({status(), 1, kDescriptorWrite, 0});
  std::copy(parts.begin(), parts.end(), &ring(index).descriptor(0));
  submit(name, 0, index);
}

void Script::read(uint64_t sector, uint16_t index) {
  if (ended_) return;
  const auto bytes = dataBytes(512);
  std::fill(bytes.begin(), bytes.end(), std::byte{0xee});
  request("read", VIRTIO_BLK_T_IN, sector, 512, index);
  if (ended_ || statusText() != "status 0") return;
  const bool right = std::count(bytes.begin(), bytes.end(), std::byte(sector)) == 512;
  if (!right) note("read: not what the image has");
}

void Script::chain(const std::string& name, std::span<const Descriptor> descriptors) {
  if (ended_) return;
  std::copy(descriptors.begin(), descriptors.end(), &ring().descriptor(0));
  submit(name, 0);
}

void Script::submit(const std::string& name, uint16_t head, uint16_t index) {
  if (ended_) return;
  show(head, index);
  awaitUsed(name, index);
}

void Script::awaitUsed(const std::string& name, uint16_t index) {
  if (ended_) return;
  const std::string outcome = outcomeOf(index);
  note(name + ": " + outcome);
}

void Script::submitQuietly(uint16_t head) {
  if (ended_) return;
  show(head, 0);
  const std::string outcome = outcomeOf(0);
  if (outcome == "given back, status 0") return;
  note(outcome);
  ended_ = true;
}

void Script::show(uint16_t head, uint16_t index) {
  *memory_.hostAddr(status()) = std::byte(kNoStatus);
  ring(index).addHead(head);
  ring(index).publish();
  queue(index).kick();
}

std::string Script::statusText() const {
  const auto value = uint8_t(*memory_.hostAddr(status()));
  return value == kNoStatus ? "no status" : "status " + std::to_string(value);
}

std::string Script::outcomeOf(uint16_t index) {
  const auto deadline = std::chrono::steady_clock::now() + kChainTime;
  for (;;) {
    if (const auto used = ring(index).pop()) {
      used_ = *used;
      return "given back, " + statusText();
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd watched[] = {{queue(index).callFd(), POLLIN, 0},
                        {socket_.fd(), POLLIN | POLLRDHUP, 0},
                        {queue(index).errFd(), POLLIN, 0}};
    if (left.count() <= 0) return "never given back";
    // Not longer, for there may be no call fd.
    const int wait = static_cast<int>(std::min<int64_t>(left.count(), 50));
    (void)::poll(watched, std::size(watched), wait);
    eventfd_t count = 0;
    if (watched[0].revents != 0) (void)::eventfd_read(queue(index).callFd(), &count);
    if (ring(index).hasUsed()) continue;
    if (watched[2].revents != 0) return "the ring is given up";
    if (watched[1].revents != 0) {
      end("request");
      return {};
    }
  }
}

}  // namespace holdfast::sessions
