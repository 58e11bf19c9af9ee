#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/status.h"
#include "frontend/driver.h"
#include "loadgen/options.h"

namespace holdfast::loadgen {

/// The bytes around the data of a device type's requests.
struct RequestForm {
  uint32_t headerSize = 0;
  uint32_t answerSize = 0;
  /// In a read the answer comes before the data, not behind it.
  bool answerFirst = false;
};

RequestForm formOf(DeviceKind kind);

/// The device under load, as far as its type matters.
class Device {
 public:
  virtual ~Device() = default;

  /// Connects and starts. `driver`: of its number of queues, only those that take requests.
  /// Errors: the back end can't be reached, or it isn't of this kind.
  static Result<std::unique_ptr<Device>> connect(const Options& options,
                                                 frontend::DriverOptions driver);

  virtual frontend::Driver& driver() = 0;
  /// The nth queue that takes requests.
  virtual frontend::Virtqueue& queue(uint16_t index) = 0;
  /// Bytes.
  uint64_t capacity() const { return capacity_; }
  /// What a request's place and size must be a multiple of, bytes.
  uint32_t blockSize() const { return blockSize_; }
  bool readOnly() const { return readOnly_; }

  /// Writes the header of a read or a write of `size` bytes from `offset` on, and sets the answer
  /// back, so that one that is missing shows.
  virtual void prepare(std::byte* header, std::byte* answer, bool read, uint64_t offset,
                       uint32_t size) const = 0;
  /// How the answer says that the request failed; null: it succeeded.
  virtual std::optional<std::string> failureIn(const std::byte* answer) const = 0;

 protected:
  uint64_t capacity_ = 0;
  uint32_t blockSize_ = 512;
  bool readOnly_ = false;
};

}  // namespace holdfast::loadgen
