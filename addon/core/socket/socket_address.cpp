#include "core/socket/socket_address.h"

#include <cerrno>
#include <cstring>

namespace holdfast {

Result<SocketAddress> SocketAddress::of(const std::string& path) {
  SocketAddress address;
  constexpr size_t kMaxPath = sizeof address.address_.sun_path - 1;
  if (path.empty()) return Error{EINVAL, "the path of the socket is empty"};
  if (path.size() > kMaxPath)
    return Error{ENAMETOOLONG, path + " is too long for a socket: " + std::to_string(path.size()) +
                                   " bytes, the system's limit is " + std::to_string(kMaxPath)};
  std::memcpy(address.address_.sun_path, path.c_str(), path.size());
  return address;
}

}  // namespace holdfast
