#pragma once

#include <memory>
#include <string>

#include "core/base/status.h"
#include "core/vhost_user/connection_source.h"

namespace holdfast::vhost_user {

/// Connects as a client to a front end that listens (QEMU's `server=on`), again after each
/// disconnect.
class Connector final : public ConnectionSource {
 public:
  /// Error: ENAMETOOLONG.
  static Result<std::unique_ptr<Connector>> create(std::string path);

  /// Tries until somebody listens at the path, at growing intervals up to a second: there is no
  /// event to wait for.
  Result<std::optional<Channel>> next(int stopFd) override;

 private:
  explicit Connector(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace holdfast::vhost_user
