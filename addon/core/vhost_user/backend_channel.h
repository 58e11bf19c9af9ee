#pragma once

#include "core/base/status.h"
#include "core/base/unique_fd.h"

namespace holdfast::vhost_user {

/// The way back that SET_BACKEND_REQ_FD opens: a socket, or user-mode Linux's pipe. Never waits for
/// the front end, neither for room nor for an answer.
class BackendChannel {
 public:
  /// Replaces the fd. Error: it is neither a socket nor a pipe.
  Status open(UniqueFd fd);
  bool isOpen() const { return fd_.valid(); }
  const UniqueFd& fd() const { return fd_; }

  /// Sends CONFIG_CHANGE without NEED_REPLY: QEMU asks for the config space while it handles the
  /// message, and would wait for us while we wait for it. Errors: write's; EAGAIN when the front
  /// end leaves earlier ones unread.
  Status sendConfigChange();

 private:
  UniqueFd fd_;
  bool isPipe_ = false;
};

}  // namespace holdfast::vhost_user
