#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/base/event_fd.h"
#include "core/base/status.h"
#include "core/vhost_user/backend_channel.h"
#include "core/vhost_user/channel.h"
#include "core/vhost_user/config_space.h"
#include "core/vhost_user/device.h"
#include "core/vhost_user/memory_table.h"
#include "core/vhost_user/message.h"
#include "core/vhost_user/ring_table.h"
#include "core/vhost_user/session_state.h"

namespace holdfast::vhost_user {

/// Takes one sentence for the log.
using WarningSink = std::function<void(const std::string&)>;

class Session;

/// Where a session can be made to stand still: between two messages.
struct StandstillPoint {
  int fd = -1;  // readable: `reached` is to be called
  /// Returns when the session is to go on.
  std::function<void(const Session&)> reached{};
};

/// One connection's life: reads requests, keeps the protocol's state, calls the device, replies.
/// All of it happens in run(), on the attachment's control thread; only configChanged() may come
/// from elsewhere.
///
/// Messages that belong to a protocol feature are served if the feature is offered, acknowledged or
/// not. A message that is refused changes nothing; where it asks for an acknowledgement the front
/// end is told and the connection goes on, otherwise it ends: the front end believes in a state
/// that isn't so.
class Session final : public ConfigNotifier {
 public:
  /// `device` outlives the session. `warn` is told of refused messages after which the connection
  /// goes on, on run()'s thread and at most kMaxWarnings times: a front end can't flood the log.
  Session(Device& device, Channel channel, WarningSink warn);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  static constexpr int kMaxWarnings = 16;

  /// Serves until the front end closes the connection or `stopFd` becomes readable (both OK), or
  /// the connection has to be given up (Error; its message is a sentence for the log). Calls the
  /// device's connected() first and its disconnected() last, always.
  Status run(int stopFd) { return run(stopFd, {}, {}); }
  /// Begins where another process stood still: `told` is served before anything that the front end
  /// sends, and answered to nobody. It is an Error if any of it is refused.
  Status run(int stopFd, const StandstillPoint& standstill, std::vector<Message> told);

  /// For another process to go on with, while the session stands still. Error: no descriptor is
  /// left.
  Result<SessionState> state() const;

  /// Tells the front end that the config space changed, as soon as a ring is started and enabled
  /// and no request is waiting, and only if what the front end has read is out of date by then.
  void configChanged() override;

 private:
  enum class Event { kMessage, kIdle, kStandstill, kMemoryLost, kStopped };

  /// What a request's handler puts here goes out as the message's own reply.
  struct Reply {
    std::array<std::byte, kMaxReplyPayload> payload;
    size_t size = 0;
    UniqueFd fd;

    void set(std::span<const std::byte> bytes);
    void setU64(uint64_t value) { set(bytesOf(value)); }
  };

  Status serve(int stopFd, const StandstillPoint& standstill);
  Status serveTold(Message& message);
  Status checkMessage(const Message& message, const RequestForm* form) const;
  Status retell(std::vector<Message>& told) const;
  Event nextEvent(int stopFd, int standstillFd);
  Status serveMessage(Message& message, int stopFd);
  Status refuse(const Message& message, const RequestForm* form, const Error& why, int stopFd);
  Status handle(Message& message, Reply& reply);
  Status handleRing(Message& message, Reply& reply);

  Status setFeatures(uint64_t features);
  Status setProtocolFeatures(uint64_t features);
  Status startRing(Message& message);
  Status setLog(Message& message);
  Status openBackendChannel(Message& message);
  Status resetDevice();
  Status makeInflight(const Message& message, Reply& reply);
  Status useInflight(Message& message);
  /// How many queues and descriptors it is for. Error: none, or more than there can be.
  Result<InflightDescription> readInflight(const Message& message) const;

  uint64_t offeredProtocolFeatures() const;
  bool wantsAcknowledgement(const Message& message) const;
  void announceConfig();
  void warn(const std::string& sentence);

  Device& device_;
  Channel channel_;
  WarningSink warn_;
  int warnings_ = 0;

  RingTable rings_;
  MemoryTable memory_;
  ConfigSpace config_;
  BackendChannel backendChannel_;
  std::shared_ptr<const DirtyLog> log_;
  LogDescription logDescription_;
  std::shared_ptr<const InflightRegion> inflight_;
  uint64_t features_ = 0;
  uint64_t protocolFeatures_ = 0;

  EventFd configChanged_;
  /// The front end may have to be told of the config space when the time is right.
  bool announcementDue_ = false;
};

}  // namespace holdfast::vhost_user
