#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "frontend/driver.h"

namespace holdfast::frontend {

/// What a front end does with the device of a guest that it migrates, in the order in which QEMU
/// does it: begin(), stop(), and, where migration fails, end() and resume().
class Migration {
 public:
  /// Makes a log for all the memory that `driver`, which outlives this, has by now. Errors:
  /// memfd_create's, ftruncate's, mmap's.
  static Result<std::unique_ptr<Migration>> create(Driver& driver);
  ~Migration();
  Migration(const Migration&) = delete;
  Migration& operator=(const Migration&) = delete;

  /// The log, LOG_ALL, then each ring, all while they run.
  Status begin();
  Status end();
  /// GET_VRING_BASE of each ring: all has drained when this returns.
  Status stop();
  Status resume();

  /// The log: page n is bit n%8 of byte n/8. The back end writes it at any time.
  std::span<uint8_t> log() const { return {log_, size_}; }

 private:
  explicit Migration(Driver& driver) : driver_(driver) {}
  Status setLogging(bool on);

  Driver& driver_;
  UniqueFd file_;
  uint8_t* log_ = nullptr;
  size_t size_ = 0;
};

}  // namespace holdfast::frontend
