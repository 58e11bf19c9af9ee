#pragma once

#include <memory>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/vhost_user/connection_source.h"

namespace holdfast::vhost_user {

/// The source for a socket given by the parent (`--fd`, socket activation). QEMU's contrib programs
/// mean a listener, crosvm a connected socket: SO_ACCEPTCONN tells which; a connected one is the
/// only connection there will be. Errors: ENOTSOCK, EPROTOTYPE (not an AF_UNIX stream socket).
Result<std::unique_ptr<ConnectionSource>> adoptSocket(UniqueFd socket);

/// A source from which nothing comes: that of a passed connection that another source has given.
std::unique_ptr<ConnectionSource> noConnections();

}  // namespace holdfast::vhost_user
