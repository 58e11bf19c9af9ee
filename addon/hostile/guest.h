#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/status.h"
#include "frontend/blk_driver.h"
#include "frontend/scsi_driver.h"

namespace holdfast::hostile {

enum class DeviceKind { kBlk, kScsi };

/// A front end and guest at one socket, as far as an attack wants it to behave; hangs up at its
/// end.
class Guest {
 public:
  /// `variant`: which of an attack's many forms is meant; even: packed rings.
  Guest(DeviceKind device, std::string socketPath, uint64_t variant)
      : device_(device), socketPath_(std::move(socketPath)), variant_(variant) {}

  const std::string& socketPath() const { return socketPath_; }
  uint64_t variant() const { return variant_; }
  bool packed() const { return variant_ % 2 == 0; }
  template <typename T, size_t kCount>
  const T& pick(const T (&values)[kCount]) const {
    return values[variant_ / 2 % kCount];
  }

  // One of these comes first.

  /// A connection on which nothing was said.
  Status connect();
  /// A connection on which refusals are answered, with all features acknowledged.
  Status negotiate();
  /// A driver whose rings run.
  Status start();

  frontend::Connection& connection();
  frontend::Driver& driver();
  /// One that gives back whatever is put into it: the disk's, or scsi's control queue.
  frontend::Virtqueue& queue();

 private:
  const DeviceKind device_;
  const std::string socketPath_;
  const uint64_t variant_;
  std::optional<frontend::Connection> connection_;
  std::unique_ptr<frontend::BlkDriver> blk_;
  std::unique_ptr<frontend::ScsiDriver> scsi_;
};

}  // namespace holdfast::hostile
