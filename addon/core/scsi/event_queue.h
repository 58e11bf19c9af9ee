#pragma once

#include <memory>

#include "core/io/io_channel.h"
#include "core/scsi/event_log.h"
#include "core/virtio/virtqueue.h"

namespace holdfast::scsi {

/// The event queue: the driver leaves buffers in its ring, and one is taken when there is something
/// to tell, never before.
class EventQueue final : public virtio::QueueHandler {
 public:
  /// All outlive this. Error: the event fd can't be watched.
  static Result<std::unique_ptr<virtio::QueueHandler>> create(virtio::Virtqueue& queue,
                                                              EventLog& log, IoChannel& channel);
  ~EventQueue() override;

  unsigned serve(unsigned budget) override;
  bool wantsChains() const override { return !log_.empty(); }

 private:
  EventQueue(virtio::Virtqueue& queue, EventLog& log, IoChannel& channel);
  void tell();

  virtio::Virtqueue& queue_;
  EventLog& log_;
  IoChannel& channel_;
  virtio::DescriptorChain chain_;
};

}  // namespace holdfast::scsi
