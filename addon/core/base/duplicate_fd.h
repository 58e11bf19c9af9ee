#pragma once

#include <fcntl.h>

#include <cerrno>

#include "core/base/status.h"
#include "core/base/unique_fd.h"

namespace holdfast {

/// Another descriptor of the same open file description, closed by exec; invalid if `fd` is.
/// Error: none is left (EMFILE).
inline Result<UniqueFd> duplicateFd(const UniqueFd& fd) {
  if (!fd) return UniqueFd();
  UniqueFd duplicate(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!duplicate) return systemError("cannot duplicate a file descriptor", errno);
  return duplicate;
}

}  // namespace holdfast
