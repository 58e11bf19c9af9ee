#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "core/base/status.h"
#include "core/base/unique_fd.h"

namespace holdfast {

/// A connected unix stream socket that carries file descriptors (SCM_RIGHTS) both ways. Never
/// waits. Used on one thread at a time.
class FdStream {
 public:
  /// Most bytes and descriptors of one receive().
  static constexpr size_t kReceiveSize = 64 << 10;
  static constexpr unsigned kReceiveFds = 16;
  /// Most descriptors of one queue(): the kernel's SCM_MAX_FD.
  static constexpr unsigned kSendFds = 253;
  /// Most bytes that wait for a peer that doesn't read.
  static constexpr size_t kUnsentMax = 4 << 20;

  explicit FdStream(UniqueFd socket);

  int fd() const { return socket_.get(); }
  /// SO_PEERCRED: who it was at connect time; pid 0 and ids -1 where the kernel doesn't say.
  ucred peer() const;

  enum class Received { kSome, kNothingYet, kEnd };
  struct Input {
    std::vector<std::byte> data;
    /// In order; each came no later than the byte it was sent with. Also set where an error says
    /// that they are to be dropped: closing what a peer sent can take long.
    std::vector<UniqueFd> fds;
  };
  /// Errors: recvmsg's; EMSGSIZE, more descriptors at once than kReceiveFds, or than this process
  /// may have open. The stream is no good then.
  Result<Received> receive(Input& input);

  /// Copies `data` and duplicates `fds`, which go with its first byte. Errors, and then nothing is
  /// queued: EINVAL, descriptors without data or too many; EBADF, EMFILE; ENOBUFS, kUnsentMax.
  Status queue(std::span<const std::byte> data, std::span<const int> fds);
  /// Gives the kernel what it takes of the queue. Errors: sendmsg's; the queue is empty then, and
  /// what the peer sent before may still be received.
  Status flush();
  /// Bytes that the kernel has not taken yet.
  size_t unsent() const { return unsent_; }

  /// The socket, to be closed elsewhere; the stream is over.
  UniqueFd release();

 private:
  struct Outgoing {
    std::vector<std::byte> data;
    std::vector<UniqueFd> fds;  // until the first byte has gone
    size_t sent = 0;
  };
  ssize_t sendNext(const Outgoing& next) const;

  UniqueFd socket_;
  std::deque<Outgoing> outgoing_;
  size_t unsent_ = 0;
};

}  // namespace holdfast
