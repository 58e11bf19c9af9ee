#pragma once

#include "core/base/unique_fd.h"
#include "core/lane/lane.h"
#include "core/socket/socket_address.h"

namespace holdfast {

/// connect(2) to a unix stream socket. It waits where the backlog is full, which no poll shows, and
/// for a file system that hangs; ETIMEDOUT after kPatienceSeconds of the former.
class ConnectCall final : public LaneCall {
 public:
  static constexpr int kPatienceSeconds = 5;

  explicit ConnectCall(const SocketAddress& address) : address_(address) {}

  const char* path() const { return address_.path(); }
  /// The connected socket, the caller's now; invalid if there is none.
  UniqueFd take() { return std::move(socket_); }

 protected:
  int run() override;

 private:
  const SocketAddress address_;
  UniqueFd socket_;
};

}  // namespace holdfast
