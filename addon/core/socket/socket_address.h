#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "core/base/status.h"

namespace holdfast {

/// The address of a unix socket in the file system.
class SocketAddress {
 public:
  /// Errors: EINVAL for an empty path, ENAMETOOLONG above the system's 107 bytes.
  static Result<SocketAddress> of(const std::string& path);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t size() const { return sizeof address_; }
  const char* path() const { return address_.sun_path; }

 private:
  SocketAddress() = default;

  sockaddr_un address_{.sun_family = AF_UNIX, .sun_path = {}};
};

}  // namespace holdfast
