#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "core/base/unique_fd.h"

namespace holdfast::hostile {

/// A memfd of `size` bytes; invalid if there can't be one.
inline UniqueFd sharedFile(uint64_t size) {
  UniqueFd file(::memfd_create("hostile", MFD_CLOEXEC));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0) return {};
  return file;
}

/// A file that is neither memory nor anything to be notified by.
inline UniqueFd foreignFile(uint64_t choice) {
  return UniqueFd(choice % 2 == 0 ? ::open("/dev/null", O_RDWR | O_CLOEXEC)
                                  : ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace holdfast::hostile
