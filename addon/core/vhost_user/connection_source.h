#pragma once

#include <optional>

#include "core/base/status.h"
#include "core/vhost_user/channel.h"

namespace holdfast::vhost_user {

/// Where an attachment's connections come from, one after another: the next is taken only when the
/// session of the one before has ended, so a second client waits.
class ConnectionSource {
 public:
  virtual ~ConnectionSource() = default;

  /// Waits for a connection. Empty: `stopFd` is readable, or there was only one to come. Error:
  /// there will be no more, and why.
  virtual Result<std::optional<Channel>> next(int stopFd) = 0;
  /// The socket that listens, or an invalid one: for another process to go on with.
  virtual const UniqueFd& listeningSocket() const {
    static const UniqueFd none;
    return none;
  }
};

}  // namespace holdfast::vhost_user
