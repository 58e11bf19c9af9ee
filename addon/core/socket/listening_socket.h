#pragma once

#include <sys/stat.h>

#include <string>
#include <utility>

#include "core/base/status.h"
#include "core/base/unique_fd.h"

namespace holdfast {

/// A unix stream socket that listens. Never waits.
class ListeningSocket {
 public:
  /// How long a shortage of fds or memory is best waited out, milliseconds: nothing signals its
  /// end.
  static constexpr int kShortageMs = 100;

  /// Binds and listens at `path`; the file has exactly the permission bits `mode`. A socket file
  /// that nobody listens on is replaced. Errors: EADDRINUSE where somebody does, EEXIST where the
  /// file is no socket, those of SocketAddress::of, bind(2)'s.
  static Result<ListeningSocket> bind(const std::string& path, mode_t mode);
  /// Takes over a socket that listens already; its file isn't ours to remove.
  explicit ListeningSocket(UniqueFd socket);
  /// Goes on with what another process has bound at `path`, whose file is ours to remove from now
  /// on. Errors: isListening's; EINVAL where it doesn't listen, or not there.
  static Result<ListeningSocket> adopt(UniqueFd socket, const std::string& path);
  ListeningSocket(ListeningSocket&&) = default;
  /// Removes the socket file, if it is still the one bind() made.
  ~ListeningSocket() { removeFile(); }

  int fd() const { return socket_.get(); }
  const UniqueFd& socket() const { return socket_; }

  /// Without a connection: nobody waits, or there is no room for one more.
  struct Accepted {
    UniqueFd connection;
    bool shortage = false;
  };
  /// Errors: accept4's that don't pass.
  Result<Accepted> accept();

  /// The socket, to be closed elsewhere; its file is removed.
  UniqueFd release() {
    removeFile();
    return std::move(socket_);
  }

 private:
  ListeningSocket(UniqueFd socket, std::string path, const struct stat& file);
  void removeFile();

  UniqueFd socket_;
  std::string path_;  // empty: not ours
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// What a parent passed (`--fd`, socket activation): whether it listens, rather than being
/// connected. Errors: ENOTSOCK, EPROTOTYPE (not an AF_UNIX stream socket).
Result<bool> isListening(const UniqueFd& socket);

}  // namespace holdfast
