#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/vhost_user/connection_source.h"

namespace holdfast::vhost_user {

/// A listening AF_UNIX socket. Made only when the device can serve: QEMU 7.2 never tries again
/// after a connection that was accepted and closed.
class Listener final : public ConnectionSource {
 public:
  /// Binds and listens at `path`; the file has exactly the permission bits `mode`. A socket file
  /// that nobody listens on is replaced. Errors: EADDRINUSE where somebody does, EEXIST where the
  /// file is no socket, those of SocketAddress::of, bind(2)'s.
  static Result<std::unique_ptr<Listener>> bind(const std::string& path, mode_t mode);
  /// Takes over a socket that listens already; its file isn't ours to remove.
  explicit Listener(UniqueFd socket);
  /// Removes the socket file, if it is still the one bind() made.
  ~Listener() override;

  /// Errors: accept4's that don't pass; shortage of fds or memory is waited out.
  Result<std::optional<Channel>> next(int stopFd) override;

 private:
  Listener(UniqueFd socket, std::string path, const struct stat& file);

  UniqueFd socket_;
  std::string path_;  // empty: not ours
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace holdfast::vhost_user
