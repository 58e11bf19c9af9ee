#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "core/base/status.h"
#include "core/io/io_channel.h"
#include "core/virtio/virtqueue.h"

namespace holdfast::virtio {

/// A virtio device type (blk, scsi) as an attachment serves it. Called by the control thread unless
/// said otherwise; shared with the queue workers through its handlers.
class DeviceModel {
 public:
  virtual ~DeviceModel() = default;

  virtual uint64_t features() const = 0;
  /// Whether GET_CONFIG and SET_CONFIG are offered.
  virtual bool hasConfig() const = 0;
  virtual uint16_t queueCount() const = 0;
  /// Fills `config` from offset 0 and returns how many bytes there are.
  virtual size_t readConfig(std::span<std::byte> config) const = 0;
  virtual Status writeConfig(uint32_t offset, std::span<const std::byte> data) = 0;
  virtual void setFeatures(uint64_t acknowledged) = 0;
  virtual bool negotiated(uint64_t feature) const = 0;
  /// As after power-on, for the driver; what is reserved or registered stays.
  virtual void reset() = 0;

  /// A front end connected: what the host can have changed meanwhile is read again.
  virtual void refresh() = 0;
  /// `changed` is called when the config space changes, on any thread; empty: no more calls once
  /// this returns.
  virtual void onConfigChange(std::function<void()> changed) = 0;

  virtual EngineKind engine() const = 0;
  /// On a queue worker's thread, before its first queue: makes the disks known to its channel.
  virtual Status open(IoChannel& channel) = 0;
  /// On the worker's thread: what serves `queue` from now on. Error: out of file descriptors.
  virtual Result<std::unique_ptr<QueueHandler>> serve(Virtqueue& queue, IoChannel& channel) = 0;
};

}  // namespace holdfast::virtio
