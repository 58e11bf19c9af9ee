#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/socket/listening_socket.h"
#include "core/vhost_user/connection_source.h"

namespace holdfast::vhost_user {

/// A listening AF_UNIX socket. Made only when the device can serve: QEMU 7.2 never tries again
/// after a connection that was accepted and closed.
class Listener final : public ConnectionSource {
 public:
  /// As ListeningSocket::bind.
  static Result<std::unique_ptr<Listener>> bind(const std::string& path, mode_t mode);
  /// As ListeningSocket::adopt.
  static Result<std::unique_ptr<Listener>> adopt(UniqueFd socket, const std::string& path);
  explicit Listener(ListeningSocket socket) : socket_(std::move(socket)) {}

  /// Errors: accept4's that don't pass; shortage of fds or memory is waited out.
  Result<std::optional<Channel>> next(int stopFd) override;
  const UniqueFd& listeningSocket() const override { return socket_.socket(); }

 private:
  ListeningSocket socket_;
};

}  // namespace holdfast::vhost_user
