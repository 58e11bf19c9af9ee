#pragma once

#include <functional>
#include <string>

#include "core/base/event_fd.h"
#include "core/base/status.h"
#include "core/vhost_user/channel.h"
#include "core/vhost_user/device.h"

namespace holdfast::vhost_user {

/// Takes one sentence for the log.
using WarningSink = std::function<void(const std::string&)>;

/// One connection's life: reads requests, keeps the protocol's state, calls the device, replies.
///
/// All of it happens in run(), on the attachment's control thread; only configChanged() may come
/// from elsewhere.
class Session final : public ConfigNotifier {
 public:
  /// `device` outlives the session. `warn` is told of messages that were refused while the
  /// connection goes on, on run()'s thread and a bounded number of times: a hostile front end can't
  /// flood the log.
  Session(Device& device, Channel channel, WarningSink warn);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Serves until the front end closes the connection or `stopFd` becomes readable (both OK), or
  /// the connection had to be given up (Error; its message is a sentence for the log). Calls the
  /// device's connected() first and its disconnected() last, always.
  Status run(int stopFd);

  /// Tells the front end that the config space changed, as soon as a ring is started and enabled
  /// and no request is waiting, and only if what the front end has read is out of date by then.
  void configChanged() override;

 private:
  Device& device_;
  Channel channel_;
  WarningSink warn_;
  EventFd configChanged_;
};

}  // namespace holdfast::vhost_user
