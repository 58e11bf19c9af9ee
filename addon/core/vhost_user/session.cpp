#include "core/vhost_user/session.h"

#include <poll.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "core/base/duplicate_fd.h"

namespace holdfast::vhost_user {
namespace {

/// What this back end can do for any device.
constexpr uint64_t kOwnProtocolFeatures = kMultiqueue | kReplyAck | kBackendReq | kInflightShmfd |
                                          kResetDeviceFeature | kConfigureMemSlots;

/// QEMU before 11.1 asks for 128, its property queue-size, and gives every ring 1024
/// (virtio_add_queue).
constexpr uint16_t kRingSizeOfQemu = 1024;

constexpr uint64_t kAcknowledged = 0;
constexpr uint64_t kRefused = 1;

}  // namespace

Session::Session(Device& device, Channel channel, WarningSink warn)
    : device_(device),
      channel_(std::move(channel)),
      warn_(std::move(warn)),
      rings_(device),
      memory_(device),
      config_(device) {}

Status Session::run(int stopFd, const StandstillPoint& standstill, std::vector<Message> told) {
  if (!configChanged_.valid() || !memory_.truncated()->valid())
    return Error{EMFILE, "no file descriptor left for the session"};
  device_.connected(*this);
  Status end;
  for (Message& message : told)
    if (end) end = serveTold(message);
  told.clear();
  announcementDue_ = rings_.anyRunning();
  if (end) end = serve(stopFd, standstill);
  device_.disconnected();
  return end;
}

void Session::configChanged() {
  configChanged_.signal();
}

Status Session::serve(int stopFd, const StandstillPoint& standstill) {
  Message message;
  for (;;) {
    const Event event = nextEvent(stopFd, standstill.fd);
    if (event == Event::kStopped) return {};
    if (event == Event::kStandstill) {
      standstill.reached(*this);
      continue;
    }
    if (event == Event::kMemoryLost)
      return Error{EIO, "the front end truncated a file of shared memory"};
    if (event == Event::kIdle) {
      announceConfig();
      continue;
    }
    const auto received = channel_.receive(message, stopFd);
    if (!received) return received.error();
    if (*received != Channel::Received::kMessage) return {};
    if (Status served = serveMessage(message, stopFd); !served) return served;
  }
}

/// An announcement that is due waits until no request does: QEMU 7.2 handles it even while it
/// waits for a reply of ours, and then takes that reply for the one to its GET_CONFIG.
Session::Event Session::nextEvent(int stopFd, int standstillFd) {
  for (;;) {
    const bool announce = announcementDue_ && rings_.anyRunning();
    pollfd watched[] = {{stopFd, POLLIN, 0},
                        {channel_.fd(), POLLIN, 0},
                        {configChanged_.get(), POLLIN, 0},
                        {memory_.truncated()->get(), POLLIN, 0},
                        {standstillFd, POLLIN, 0}};
    const int ready = ::poll(watched, std::size(watched), announce ? 0 : -1);
    if (ready == 0) return Event::kIdle;
    if (ready < 0) continue;  // EINTR, or ENOMEM that passes
    if (watched[0].revents != 0) return Event::kStopped;
    if (watched[3].revents != 0) return Event::kMemoryLost;
    if (watched[4].revents != 0) return Event::kStandstill;
    if (watched[2].revents != 0) {
      configChanged_.drain();
      announcementDue_ = true;
    }
    if (watched[1].revents != 0) return Event::kMessage;
  }
}

Status Session::serveMessage(Message& message, int stopFd) {
  const uint32_t request = message.header.request;
  const RequestForm* form = formOf(request);
  if (Status servable = checkMessage(message, form); !servable)
    return refuse(message, form, servable.error(), stopFd);

  const bool wasRunning = rings_.anyRunning();
  Reply reply;
  if (Status handled = handle(message, reply); !handled)
    return refuse(message, form, handled.error(), stopFd);
  // It may have changed while nothing could be said, or between two connections.
  if (!wasRunning && rings_.anyRunning()) announcementDue_ = true;

  if (form->hasReply)
    return channel_.reply(request, std::span(reply.payload).first(reply.size), stopFd,
                          reply.fd.get());
  if (wantsAcknowledgement(message)) return channel_.reply(request, bytesOf(kAcknowledged), stopFd);
  return {};
}

/// As serveMessage() does it, but that nobody waits for a reply.
Status Session::serveTold(Message& message) {
  const uint32_t request = message.header.request;
  Status outcome = checkMessage(message, formOf(request));
  Reply reply;
  if (outcome) outcome = handle(message, reply);
  if (outcome) return {};
  return Error{outcome.error().code, requestName(request) + " refused: " + outcome.error().message};
}

Status Session::checkMessage(const Message& message, const RequestForm* form) const {
  if (!form || (form->feature & ~offeredProtocolFeatures()) != 0)
    return Error{ENOTSUP, "this back end doesn't offer it"};
  return checkForm(*form, message);
}

Status Session::refuse(const Message& message, const RequestForm* form, const Error& why,
                       int stopFd) {
  const uint32_t request = message.header.request;
  Error reason{why.code, requestName(request) + " refused: " + why.message};
  // A GET_CONFIG is refused by a reply of zero length (vhost-user.rst).
  const bool isGetConfig = request == static_cast<uint32_t>(Request::kGetConfig);
  const bool hasOtherReply = form && form->hasReply && !isGetConfig;
  if (isGetConfig || (wantsAcknowledgement(message) && !hasOtherReply)) {
    warn(reason.message);
    return channel_.reply(request, isGetConfig ? std::span<const std::byte>() : bytesOf(kRefused),
                          stopFd);
  }
  return reason;
}

Status Session::handle(Message& message, Reply& reply) {
  switch (static_cast<Request>(message.header.request)) {
    case Request::kGetFeatures:
      reply.setU64(device_.features() | kProtocolFeaturesBit |
                   (device_.migratable() ? kLogAllBit : 0));
      return {};
    case Request::kSetFeatures:
      return setFeatures(message.read<uint64_t>());
    case Request::kGetProtocolFeatures:
      reply.setU64(offeredProtocolFeatures());
      return {};
    case Request::kSetProtocolFeatures:
      return setProtocolFeatures(message.read<uint64_t>());
    case Request::kGetQueueNum:
      reply.setU64(device_.maxQueues());
      return {};
    case Request::kGetMaxMemSlots:
      reply.setU64(MemoryMap::kMaxRegions);
      return {};
    case Request::kSetOwner:
      return {};
    case Request::kResetOwner:
      // The specification: ignore it, or disable all rings. A front end that still sends it means
      // that nobody touches its memory from now on.
      return rings_.setAllEnabled(false);
    case Request::kResetDevice:
      return resetDevice();
    case Request::kSetBackendReqFd:
      return openBackendChannel(message);
    case Request::kSetMemTable:
      return memory_.replace(message);
    case Request::kAddMemReg:
      return memory_.add(message);
    case Request::kRemMemReg:
      return memory_.remove(message);
    case Request::kSetLogBase:
      reply.setU64(kAcknowledged);
      return setLog(message);
    case Request::kSetLogFd:
      // An eventfd to signal changes of the log with, which is left to us: nobody waits for it.
      return {};
    case Request::kGetConfig: {
      const auto config = config_.read(message);
      if (!config) return config.error();
      reply.set(*config);
      return {};
    }
    case Request::kSetConfig:
      return config_.write(message);
    case Request::kGetInflightFd:
      return makeInflight(message, reply);
    case Request::kSetInflightFd:
      return useInflight(message);
    default:
      return handleRing(message, reply);
  }
}

Status Session::handleRing(Message& message, Reply& reply) {
  switch (static_cast<Request>(message.header.request)) {
    case Request::kSetVringNum:
      return rings_.setSize(message.read<VringState>());
    case Request::kSetVringAddr:
      return rings_.setAddresses(message.read<VringAddresses>());
    case Request::kSetVringBase:
      return rings_.setBase(message.read<VringState>());
    case Request::kSetVringEnable:
      return rings_.setEnabled(message.read<VringState>());
    case Request::kSetVringKick:
      return startRing(message);
    case Request::kSetVringCall:
      return rings_.setCall(message.read<uint64_t>(), std::move(message.fds));
    case Request::kSetVringErr:
      return rings_.setErr(message.read<uint64_t>(), std::move(message.fds));
    case Request::kGetVringBase: {
      VringState state = message.read<VringState>();
      const auto base = rings_.stop(state);
      if (!base) return base.error();
      state.value = *base;
      reply.set(bytesOf(state));
      return {};
    }
    default:
      return Error{ENOTSUP, "this back end doesn't know it"};
  }
}

Status Session::setFeatures(uint64_t features) {
  if (Status accepted = device_.setFeatures(features); !accepted) return accepted;
  features_ = features;
  rings_.setPacked((features & kPackedRingBit) != 0);
  // Without bit 30 there is no SET_VRING_ENABLE.
  return features & kProtocolFeaturesBit ? Status() : rings_.setAllEnabled(true);
}

Status Session::setProtocolFeatures(uint64_t features) {
  if (const uint64_t unknown = features & ~offeredProtocolFeatures(); unknown != 0)
    return Error{EINVAL, "bit " + std::to_string(std::countr_zero(unknown)) + " was not offered"};
  protocolFeatures_ = features;
  return {};
}

Status Session::startRing(Message& message) {
  if (memory_.empty())
    return Error{EINVAL, std::string("there is no guest memory; ") + kShareMemoryAdvice};
  const bool enable = (features_ & kProtocolFeaturesBit) == 0;
  return rings_.start(message.read<uint64_t>(), std::move(message.fds), enable);
}

Status Session::setLog(Message& message) {
  const auto description = message.read<LogDescription>();
  UniqueFd file = message.fds.empty() ? UniqueFd() : std::move(message.fds.front());
  auto log =
      DirtyLog::map(description.size, description.offset, std::move(file), memory_.truncated());
  if (!log) return log.error();
  // A page without a bit would be lost in the copy.
  if (!(*log)->covers(memory_.guestEnd()))
    return Error{EINVAL, "a dirty log of " + std::to_string(description.size) +
                             " bytes, too short for the guest's memory"};
  Status accepted = device_.setLog(*log);
  if (!accepted) return accepted;
  log_ = std::move(*log);
  logDescription_ = description;
  return {};
}

Status Session::openBackendChannel(Message& message) {
  if (message.fds.empty()) return Error{EINVAL, "its file descriptor is missing"};
  return backendChannel_.open(std::move(message.fds.front()));
}

Status Session::resetDevice() {
  if (Status reset = rings_.reset(); !reset) return reset;
  config_.forgetWritten();
  return device_.resetDevice();
}

Result<InflightDescription> Session::readInflight(const Message& message) const {
  const auto description = message.read<InflightDescription>();
  if (description.queueCount == 0 || description.queueCount > device_.maxQueues())
    return Error{EINVAL, "it is for " + std::to_string(description.queueCount) +
                             " queues, and there are " + std::to_string(device_.maxQueues())};
  if (description.queueSize == 0 || description.queueSize > kMaxRingSize)
    return Error{EINVAL, "it is for rings of " + std::to_string(description.queueSize) +
                             " descriptors, not one up to " + std::to_string(kMaxRingSize)};
  return description;
}

Status Session::makeInflight(const Message& message, Reply& reply) {
  auto description = readInflight(message);
  if (!description) return description.error();
  // QEMU's vhost-user-scsi (7.2) asks before SET_FEATURES tells the layout of the rings.
  const uint16_t size = std::max(description->queueSize, kRingSizeOfQemu);
  description->mmapSize = device_.inflightBytes(size).most * description->queueCount;
  description->mmapOffset = 0;
  auto file = InflightRegion::create(description->mmapSize);
  if (!file) return file.error();
  reply.fd = std::move(*file);
  // QEMU takes an answer of no other size than its own question's.
  reply.set(bytesOf(*description).first(message.header.size));
  return {};
}

Status Session::useInflight(Message& message) {
  const auto description = readInflight(message);
  if (!description) return description.error();
  if (message.fds.empty()) return Error{EINVAL, "its file descriptor is missing"};
  auto region = InflightRegion::map(*description, std::move(message.fds.front()),
                                    device_.inflightBytes(description->queueSize).negotiated,
                                    device_.inflightBytes(kMaxRingSize).most, memory_.truncated());
  if (!region) return region.error();
  inflight_ = *region;
  device_.setInflight(std::move(*region));
  return {};
}

Result<SessionState> Session::state() const {
  SessionState state;
  auto connection = duplicateFd(channel_.socket());
  if (!connection) return connection.error();
  state.connection = std::move(*connection);
  if (Status told = retell(state.told); !told) return told.error();
  return state;
}

Status Session::retell(std::vector<Message>& told) const {
  Status outcome;
  const auto add = [&](Request request, std::span<const std::byte> payload,
                       const UniqueFd& fd = {}) {
    if (outcome) outcome = tell(told, request, payload, fd);
  };
  add(Request::kSetProtocolFeatures, bytesOf(protocolFeatures_));
  if (features_ != 0) add(Request::kSetFeatures, bytesOf(features_));
  if (outcome) outcome = memory_.retell(told);
  if (backendChannel_.isOpen()) add(Request::kSetBackendReqFd, {}, backendChannel_.fd());
  if (log_) add(Request::kSetLogBase, bytesOf(logDescription_), log_->file());
  if (inflight_) add(Request::kSetInflightFd, bytesOf(inflight_->description()), inflight_->file());
  if (!config_.written().empty()) add(Request::kSetConfig, config_.written());
  const bool enabledAtFirst = features_ != 0 && (features_ & kProtocolFeaturesBit) == 0;
  return outcome ? rings_.retell(told, enabledAtFirst) : outcome;
}

uint64_t Session::offeredProtocolFeatures() const {
  return kOwnProtocolFeatures | device_.protocolFeatures() |
         (device_.migratable() ? uint64_t{kLogShmfd} : 0);
}

bool Session::wantsAcknowledgement(const Message& message) const {
  return (protocolFeatures_ & kReplyAck) && (message.header.flags & MessageHeader::kNeedReply);
}

void Session::announceConfig() {
  announcementDue_ = false;
  const bool canTell = (protocolFeatures_ & kConfig) && backendChannel_.isOpen();
  if (!canTell || !config_.frontendIsOutdated()) return;
  if (Status sent = backendChannel_.sendConfigChange(); !sent) warn(sent.error().message);
}

void Session::warn(const std::string& sentence) {
  if (++warnings_ <= kMaxWarnings) warn_(sentence);
}

void Session::Reply::set(std::span<const std::byte> bytes) {
  std::copy(bytes.begin(), bytes.end(), payload.begin());
  size = bytes.size();
}

}  // namespace holdfast::vhost_user
