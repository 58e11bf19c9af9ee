#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "core/disk/disk.h"

namespace holdfast::fuzz {

constexpr uint64_t kDiskSize = 1 << 20;

/// A disk in memory, made once for a process: what is on it doesn't matter. `sync`, so that what a
/// request does is done when it has been started.
inline std::shared_ptr<Disk> sharedDisk(bool readOnly = false) {
  const auto make = [](bool withoutWrites) {
    UniqueFd file(::memfd_create("disk", MFD_CLOEXEC));
    if (!file || ::ftruncate(file.get(), kDiskSize) != 0) std::abort();
    auto disk = Disk::open({.fd = std::move(file),
                            .path = "memory",
                            .readOnly = withoutWrites,
                            .blockSize = 512,
                            .anyEngine = false,
                            .engine = EngineKind::kSync,
                            .serial = "fuzz"});
    if (!disk) std::abort();
    return std::shared_ptr<Disk>(std::move(*disk));
  };
  static const std::shared_ptr<Disk> writable = make(false);
  static const std::shared_ptr<Disk> fixed = make(true);
  return readOnly ? fixed : writable;
}

}  // namespace holdfast::fuzz
