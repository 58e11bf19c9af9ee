#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/base/unique_fd.h"

namespace holdfast::frontend {

/// One message as it came in.
struct Message {
  uint32_t request = 0;
  uint32_t flags = 0;
  std::vector<std::byte> payload;
  std::vector<UniqueFd> fds;

  /// The payload as a `T`, or null if its size differs.
  template <typename T>
  const T* as() const {
    return payload.size() == sizeof(T) ? reinterpret_cast<const T*>(payload.data()) : nullptr;
  }
};

/// A stream socket that carries vhost-user messages. It checks nothing of what it sends, so tests
/// can say anything; every wait ends at the time-out.
class MessageSocket {
 public:
  static constexpr std::chrono::milliseconds kDefaultTimeout{10'000};

  MessageSocket() = default;
  explicit MessageSocket(UniqueFd fd) : fd_(std::move(fd)) {}

  /// Connects to the listening unix socket at `path`. Errors: connect(2)'s; ENAMETOOLONG.
  static Result<MessageSocket> connect(const std::string& path);
  /// Two connected ends.
  static Result<std::pair<MessageSocket, UniqueFd>> makePair();

  int fd() const { return fd_.get(); }
  void setTimeout(std::chrono::milliseconds timeout) { timeout_ = timeout; }
  void close() { fd_.reset(); }

  /// Sends `bytes` as they are, `fds` with the first of them (SCM_RIGHTS). Errors: EPIPE when the
  /// back end is gone; ETIMEDOUT when it doesn't read.
  Status sendRaw(std::span<const std::byte> bytes, std::span<const int> fds = {});
  /// Sends a header with `payload`'s true size, then the payload.
  Status send(uint32_t request, uint32_t flags, std::span<const std::byte> payload,
              std::span<const int> fds = {});

  /// The next message. Errors: ECONNRESET when the back end closed, ETIMEDOUT, EBADMSG when the
  /// header announces more than kMaxPayload bytes.
  Result<Message> receive();
  /// OK once the back end has closed the connection. Errors: ETIMEDOUT, EBUSY when a message comes
  /// instead.
  Status waitClosed();
  /// Whether a message, or the end of the stream, waits to be received now.
  bool readable() const;

  static constexpr size_t kMaxPayload = size_t{1} << 20;

 private:
  Status waitFor(short events) const;
  /// Fills `bytes`, collecting fds into `fds`.
  Status receiveAll(std::span<std::byte> bytes, std::vector<UniqueFd>& fds);

  UniqueFd fd_;
  std::chrono::milliseconds timeout_ = kDefaultTimeout;
};

/// The bytes of a wire struct.
template <typename T>
std::span<const std::byte> bytesOf(const T& value) {
  return std::as_bytes(std::span<const T, 1>(&value, 1));
}

}  // namespace holdfast::frontend
