#pragma once

#include <array>
#include <memory>
#include <optional>

#include "core/io/io_channel.h"
#include "core/mailbox/mailbox_port.h"
#include "core/scsi/task_function.h"
#include "core/virtio/virtqueue.h"

namespace holdfast::scsi {

class ScsiController;

/// The control queue: task management functions, and questions about asynchronous events, of which
/// there are none. A function is answered when every request queue has done its part; of a reset
/// the control plane hears then, and answers when whoever has to know of it does.
class ControlQueue final : public virtio::QueueHandler, private MailboxClient {
 public:
  /// Most requests at a time; a driver may have more in the ring.
  static constexpr unsigned kMaxInFlight = 16;

  /// All outlive this. Error: out of file descriptors.
  static Result<std::unique_ptr<virtio::QueueHandler>> create(virtio::Virtqueue& queue,
                                                              ScsiController& controller,
                                                              IoChannel& channel);
  ~ControlQueue() override;

  unsigned serve(unsigned budget) override;
  bool wantsChains() const override { return free_ != nullptr; }
  unsigned collect() override;

 private:
  struct Request : TaskFunction, MailboxEntry {
    explicit Request(Inbox<TaskFunction*>& done) : TaskFunction(done) {}

    Request* nextFree = nullptr;
    MapEpoch* epoch = nullptr;
    TaskManagementRequest header{};
    virtio::DescriptorChain chain;
  };

  ControlQueue(virtio::Virtqueue& queue, ScsiController& controller, IoChannel& channel);

  void begin(Request& request);
  void answerAsync(Request& request);
  void beginFunction(Request& request);
  /// Why the function can't be begun; null: it can.
  std::optional<Response> refusalOf(const TaskManagementRequest& header) const;
  void functionDone(Request& request);

  void answered(MailboxEntry& entry, MailboxReply& reply) override;
  void timedOut(MailboxEntry& entry) override;
  void cutOff(MailboxEntry& entry) override;

  void finish(Request& request, Response response);
  void finish(Request& request, const void* response, size_t size);

  virtio::Virtqueue& queue_;
  ScsiController& controller_;
  IoChannel& channel_;
  Inbox<TaskFunction*> done_;
  MailboxPort port_;
  std::vector<std::unique_ptr<Request>> requests_;
  Request* free_ = nullptr;
};

}  // namespace holdfast::scsi
