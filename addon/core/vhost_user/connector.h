#pragma once

#include <memory>
#include <string>

#include "core/base/status.h"
#include "core/socket/socket_address.h"
#include "core/vhost_user/connection_source.h"

namespace holdfast::vhost_user {

/// Connects as a client to a front end that listens (QEMU's `server=on`), again after each
/// disconnect.
class Connector final : public ConnectionSource {
 public:
  /// Errors: those of SocketAddress::of.
  static Result<std::unique_ptr<Connector>> create(const std::string& path);

  /// Tries until somebody listens at the path, at growing intervals up to a second: there is no
  /// event to wait for. Errors: connect(2)'s that don't pass.
  Result<std::optional<Channel>> next(int stopFd) override;

 private:
  explicit Connector(const SocketAddress& address) : address_(address) {}

  SocketAddress address_;
  int delayMs_ = 0;
};

}  // namespace holdfast::vhost_user
