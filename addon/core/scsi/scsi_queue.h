#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/disk/fence_line.h"
#include "core/io/io_channel.h"
#include "core/mailbox/mailbox_port.h"
#include "core/scsi/request_queues.h"
#include "core/scsi/scsi_request.h"
#include "core/scsi/unit_uses.h"
#include "core/virtio/virtqueue.h"

namespace holdfast::scsi {

class ScsiController;

/// A request queue: serves the commands that move data on the disks, hands all others to the
/// control plane, and ends those that a task management function is about.
class ScsiQueue final : public virtio::QueueHandler,
                        public IoOwner,
                        private MailboxClient,
                        private FenceClient {
 public:
  /// Most commands of one queue at a time; a driver may have more in the ring.
  static constexpr unsigned kMaxInFlight = 256;

  /// `queue` is attached; all outlive this. Error: out of file descriptors.
  static Result<std::unique_ptr<virtio::QueueHandler>> create(virtio::Virtqueue& queue,
                                                              ScsiController& controller,
                                                              IoChannel& channel);
  ~ScsiQueue() override;

  unsigned serve(unsigned budget) override;
  bool wantsChains() const override { return free_ && channel_.hasRoom(); }
  unsigned collect() override;
  void giveUpWaiting() override { line_.giveUp(); }
  void complete(IoRequest& request) override;

 private:
  /// A function that came while these commands, and chains in the ring, were there.
  struct PendingFunction {
    TaskFunction* function;
    /// It concerns requests below this number.
    uint64_t end;
    bool found;
  };

  ScsiQueue(virtio::Virtqueue& queue, ScsiController& controller, IoChannel& channel);

  void begin(ScsiRequest& request);
  void dispatch(ScsiRequest& request);
  void serveNatively(ScsiRequest& request);
  void executeInside(ScsiRequest& request);
  void post(ScsiRequest& request);
  void start(ScsiRequest& request);

  void answered(MailboxEntry& entry, MailboxReply& reply) override;
  void timedOut(MailboxEntry& entry) override;
  void cutOff(MailboxEntry& entry) override;

  void released(FenceEntry& entry) override;
  void refused(FenceEntry& entry) override;
  void givenUp(FenceEntry& entry) override;
  unsigned endWaitingOfRemoved();

  void beginFunction(TaskFunction& function);
  void settleFunctions();
  bool concernsUnfinished(const PendingFunction& pending) const;
  Response cancelledBefore(const ScsiRequest& request);

  void finish(ScsiRequest& request, const CommandOutcome& outcome);
  void finish(ScsiRequest& request, const CommandOutcome& outcome, std::span<const uint8_t> sense,
              uint64_t givenSize);
  void count(const ScsiRequest& request, const CommandOutcome& outcome);
  std::span<ScsiRequest> requests() { return {requests_.get(), requestCount_}; }
  std::span<const ScsiRequest> requests() const { return {requests_.get(), requestCount_}; }

  virtio::Virtqueue& queue_;
  ScsiController& controller_;
  IoChannel& channel_;
  FenceLine line_;
  UnitUses units_;
  RequestQueues::Mail mail_;
  MailboxPort port_;
  std::vector<PendingFunction> functions_;
  uint64_t nextNumber_ = 0;
  unsigned requestCount_;
  std::unique_ptr<ScsiRequest[]> requests_;
  ScsiRequest* free_ = nullptr;
};

}  // namespace holdfast::scsi
