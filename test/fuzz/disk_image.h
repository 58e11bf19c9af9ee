#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "core/disk/disk.h"

namespace holdfast::fuzz {

constexpr uint64_t kDiskSize = 1 << 20;

inline UniqueFd makeImage() {
  UniqueFd file(::memfd_create("disk", MFD_CLOEXEC));
  if (!file || ::ftruncate(file.get(), kDiskSize) != 0) std::abort();
  return file;
}

inline std::shared_ptr<Disk> openDisk(UniqueFd image, bool readOnly, EngineKind engine) {
  auto disk = Disk::open({.fd = std::move(image),
                          .path = "memory",
                          .readOnly = readOnly,
                          .blockSize = 512,
                          .anyEngine = false,
                          .engine = engine,
                          .serial = "fuzz"});
  if (!disk) std::abort();
  return std::shared_ptr<Disk>(std::move(*disk));
}

/// A disk in memory, made once for a process: what is on it doesn't matter. `sync`, so that what a
/// request does is done when it has been started.
inline std::shared_ptr<Disk> sharedDisk(bool readOnly = false) {
  static const std::shared_ptr<Disk> writable = openDisk(makeImage(), false, EngineKind::kSync);
  static const std::shared_ptr<Disk> fixed = openDisk(makeImage(), true, EngineKind::kSync);
  return readOnly ? fixed : writable;
}

}  // namespace holdfast::fuzz
