#pragma once

#include <linux/virtio_scsi.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "frontend/driver.h"

namespace holdfast::frontend {

/// The LUN field of virtio_scsi_cmd_req.
using ScsiLun = std::array<uint8_t, 8>;

/// Flat addressing, which names every LUN up to 16383.
ScsiLun scsiLun(uint8_t target, uint16_t lun);

/// How a command ended.
struct ScsiResult {
  uint8_t response = 0;
  uint8_t status = 0;
  uint32_t residual = 0;
  std::vector<uint8_t> sense;
  /// As the used element says.
  uint32_t writtenBytes = 0;

  /// Of fixed or descriptor format: key << 16 | asc << 8 | ascq; 0 where there is none.
  uint32_t senseCode() const;
};

/// A driver of a virtio-scsi device behind vhost-user: well-behaved start-up, one blocking function
/// per kind of request, and requests to be sent by hand. `numQueues` of its options counts control
/// and event queue too. Errors only if no answer came.
class ScsiDriver : public Driver {
 public:
  static constexpr uint16_t kControlQueue = 0;
  static constexpr uint16_t kEventQueue = 1;
  static constexpr uint16_t kFirstRequestQueue = 2;
  /// What the response byte holds before the device writes it.
  static constexpr uint8_t kNoResponse = 0xff;

  /// Connects, negotiates and starts.
  static Result<std::unique_ptr<ScsiDriver>> openAndStart(const std::string& path,
                                                          DriverOptions options = {.numQueues = 3});

  /// GET_CONFIG.
  Result<virtio_scsi_config> config();

  /// A command in guest memory: header, response and data, each a buffer of its own.
  struct Request {
    Buffer header;
    Buffer response;
    Buffer data;
  };
  /// `cdb`: up to 32 bytes. `dataSize` may be 0. Error: ENOMEM.
  Result<Request> makeRequest(const ScsiLun& lun, std::span<const uint8_t> cdb, uint32_t dataSize,
                              bool dataWritable, uint64_t tag = 0);
  std::span<std::byte> dataOf(const Request& request) const;
  virtio_scsi_cmd_req& headerOf(const Request& request) const;
  ScsiResult resultOf(const Request& request, uint32_t writtenBytes) const;
  /// What a response in memory says.
  static ScsiResult resultIn(const std::byte* response);
  /// The request's buffers in the order that a ring wants.
  static std::vector<Buffer> chainOf(const Request& request);
  /// Puts the request into the ring; returns its head. Error: ENOSPC.
  Result<uint16_t> submit(const Request& request, uint16_t queue = kFirstRequestQueue);

  /// Sends a command with data in one direction at most and waits for it. Reuses one request's
  /// memory per queue.
  Result<ScsiResult> execute(const ScsiLun& lun, std::span<const uint8_t> cdb,
                             std::span<const std::byte> out = {}, std::span<std::byte> in = {},
                             uint16_t queue = kFirstRequestQueue);

  /// Sends a task management function; returns its response.
  Result<uint8_t> manageTask(uint32_t subtype, const ScsiLun& lun, uint64_t tag = 0);
  /// Puts one in the control queue and doesn't wait; its response is there when the head comes
  /// back.
  struct Function {
    uint16_t head;
    const std::byte* response;
  };
  Result<Function> submitFunction(uint32_t subtype, const ScsiLun& lun, uint64_t tag = 0);

  /// Puts `count` buffers into the event queue.
  Status offerEventBuffers(unsigned count);
  /// The next event, and puts no new buffer in its place. Error: ETIMEDOUT.
  Result<virtio_scsi_event> nextEvent();

 private:
  ScsiDriver(Connection connection, DriverOptions options)
      : Driver(std::move(connection), options), scratch_(options.numQueues) {}

  std::vector<std::optional<Request>> scratch_;
  std::vector<std::pair<uint16_t, uint64_t>> eventBuffers_;  // head, guest address
};

}  // namespace holdfast::frontend
