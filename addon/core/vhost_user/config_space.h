#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <span>
#include <vector>

#include "core/base/status.h"
#include "core/vhost_user/device.h"
#include "core/vhost_user/message.h"

namespace holdfast::vhost_user {

/// GET_CONFIG and SET_CONFIG, and what the front end knows of the config space by them. Errors are
/// refusals: why, without the message's name.
class ConfigSpace {
 public:
  explicit ConfigSpace(Device& device) : device_(device) {}

  /// GET_CONFIG: the reply's whole payload, valid until the next call. Bytes beyond the device's
  /// config space are zero.
  Result<std::span<const std::byte>> read(const Message& message);
  /// SET_CONFIG.
  Status write(const Message& message);
  /// RESET_DEVICE: what was written holds no longer.
  void forgetWritten() { written_.clear(); }
  /// The payload of the SET_CONFIG that holds; empty: none does. It is the last one: no device has
  /// more than one field that can be written.
  std::span<const std::byte> written() const { return written_; }

  /// Whether the front end hasn't read anything on this connection (then it goes by what an earlier
  /// one told it), or a byte that it has read differs from the device's now.
  bool frontendIsOutdated();

 private:
  using Bytes = std::array<std::byte, kMaxConfigSize>;

  Bytes current();
  void learn(size_t offset, std::span<const std::byte> bytes);

  Device& device_;
  std::array<std::byte, kMaxReplyPayload> reply_;
  Bytes known_{};
  std::bitset<kMaxConfigSize> isKnown_;
  std::vector<std::byte> written_;
};

}  // namespace holdfast::vhost_user
