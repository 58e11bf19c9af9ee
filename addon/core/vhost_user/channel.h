#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/vhost_user/message.h"

namespace holdfast::vhost_user {

/// The connected socket on which the front end sends requests and reads replies. Used by one
/// thread. Every wait ends when `stopFd` becomes readable, whatever the peer does or omits.
class Channel {
 public:
  enum class Received { kMessage, kClosed, kStopped };

  /// How long the rest of a message may take, or a reply to be taken. Front ends send a message by
  /// one sendmsg(2) and wait for each reply, so only a hostile one is late. Less than a takeover
  /// waits: such a front end must not keep the other guests' server from being replaced.
  static constexpr std::chrono::seconds kPatience{4};

  /// `socket`: a connected AF_UNIX stream socket, blocking or not.
  explicit Channel(UniqueFd socket) : socket_(std::move(socket)) {}

  /// For poll(2).
  int fd() const { return socket_.get(); }
  const UniqueFd& socket() const { return socket_; }

  /// Reads one message, once fd() is readable; the fds of the one before are closed. kClosed: the
  /// peer closed between two messages. Errors (EPROTO or recvmsg's): a wrong version or reply flag,
  /// a payload above kMaxPayload, fds cut off (more than kMaxMessageFds, or no fd numbers left in
  /// this process), the end of the stream within a message, or no end of the message within
  /// kPatience. The stream can't be used after an error.
  Result<Received> receive(Message& message, int stopFd);

  /// Sends the reply to `request`; `payload` has at most kMaxReplyPayload bytes, `fd` goes along
  /// unless it is -1. Errors: sendmsg(2)'s (EPIPE: the peer closed), ECANCELED when stopped before
  /// all was sent, ETIMEDOUT when the peer made no room for it within kPatience.
  Status reply(uint32_t request, std::span<const std::byte> payload, int stopFd, int fd = -1);

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  enum class Filled { kAll, kNothing, kCutShort, kLate, kStopped };

  Result<Filled> fill(std::span<std::byte> bytes, std::vector<UniqueFd>* fds, int stopFd,
                      Deadline deadline);

  UniqueFd socket_;
};

}  // namespace holdfast::vhost_user
