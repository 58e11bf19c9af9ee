#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <span>

#include "core/base/unique_fd.h"

namespace holdfast::fuzz {

/// The guest's memory, made once for a process and cleared for each run: two pages at guest address
/// 0 for rings, more for requests, so that small numbers hit.
class Guest {
 public:
  static constexpr uint64_t kMemorySize = 256 << 10;

  Guest() : file_(::memfd_create("guest", MFD_CLOEXEC)) {
    if (!file_ || ::ftruncate(file_.get(), kMemorySize) != 0) std::abort();
    void* mapped = ::mmap(nullptr, kMemorySize, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
    if (mapped == MAP_FAILED) std::abort();
    memory_ = static_cast<uint8_t*>(mapped);
  }

  int file() const { return file_.get(); }
  UniqueFd duplicate() const { return UniqueFd(::dup(file_.get())); }
  uint8_t* memory() { return memory_; }
  void clear() { std::memset(memory_, 0, kMemorySize); }

  /// Cut at the end of the memory.
  void write(uint64_t guestAddr, std::span<const uint8_t> bytes) {
    if (guestAddr >= kMemorySize || bytes.empty()) return;
    const size_t size = std::min<size_t>(bytes.size(), kMemorySize - guestAddr);
    std::memcpy(memory_ + guestAddr, bytes.data(), size);
  }

 private:
  UniqueFd file_;
  uint8_t* memory_ = nullptr;
};

}  // namespace holdfast::fuzz
