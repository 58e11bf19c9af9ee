#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/event_fd.h"
#include "core/device/admission.h"
#include "core/device/queue_worker.h"
#include "core/device/standstill.h"
#include "core/device/stop_allowance.h"
#include "core/vhost_user/connection_source.h"
#include "core/vhost_user/device.h"
#include "core/vhost_user/session_state.h"
#include "core/virtio/device_model.h"

namespace holdfast::vhost_user {
class Session;
}

namespace holdfast {

/// What another process needs to go on in an attachment's place.
struct AttachmentState {
  UniqueFd listener;  // invalid: it doesn't listen
  std::optional<vhost_user::SessionState> session;
};

/// What happens to an attachment, told on its control thread.
struct AttachmentEvent {
  enum class Kind {
    kConnected,
    kDisconnected,
    kWarning,
    /// Rings have started that are to be admitted.
    kDisksWanted,
    /// The last ring has stopped, and what comes next is to be admitted: the front end hands its
    /// guest over, or gave up waiting.
    kDisksLeft,
    /// It stands still, with nothing in flight.
    kStandsStill,
    kEnded
  };
  Kind kind;
  std::string text{};   // reason or warning; empty = orderly
  uint64_t demand = 0;  // kDisksWanted: for admit(); kStandsStill: standStill()'s
  /// kStandsStill: null if it stood still from the start (`demand` is 0), or if no descriptor is
  /// left (`text` says so).
  std::shared_ptr<AttachmentState> state{};
};

/// A virtio device served at one socket: a control thread that takes one connection after another,
/// and the queue workers that serve its rings.
class Attachment final : private vhost_user::Device {
 public:
  struct Options {
    int64_t pollNanoseconds = 0;
    /// What a front end that stops its rings waits, in all, for requests that wait for the control
    /// plane: nanoseconds.
    int64_t stopTimeout = 5'000'000'000;
    /// False: the disks are another process's at first, and the first rings are to be admitted.
    bool admitted = true;
    /// See vhost_user::Device.
    bool migratable = true;
    /// It stands still from the start: what `session` says is taken in, and nothing served yet.
    bool standsStill = false;
    /// After kDisconnected no front end is served before heardOfDisconnection(): the I_T nexus loss
    /// must come before the next guest's first command, which goes another way.
    bool disconnectionIsHeard = false;
    /// kEnded comes last, exactly once.
    std::function<void(AttachmentEvent)> onEvent;
  };

  static Result<std::unique_ptr<Attachment>> start(
      std::unique_ptr<virtio::DeviceModel> model,
      std::unique_ptr<vhost_user::ConnectionSource> source, Options options,
      std::optional<vhost_user::SessionState> session = {});
  /// requestStop(), then waits for the control thread: bounded only by the device's own I/O.
  ~Attachment() override;

  /// Ends the session, drains and ends the control thread; kEnded tells when. Any thread.
  void requestStop();

  /// Brings it to a standstill before its next message or connection, of which kStandsStill tells.
  /// It keeps all it has, and with resume() goes on as if nothing had been. That may come at any
  /// time, also if requests never end. `demand`: 1 to 2^53, another one each time. Any thread.
  void standStill(uint64_t demand) { standstill_.demand(demand); }
  void resume();

  /// The control plane has done what a kDisconnected asks for. Any thread.
  void heardOfDisconnection() { heard_.signal(); }

  /// Lets the rings in that kDisksWanted told of; false: they have stopped since. Any thread.
  bool admit(uint64_t demand) { return admission_.admit(demand); }
  /// From now on rings are to be admitted; false, and nothing has changed: some run. Any thread.
  bool withdraw() { return admission_.withdraw(); }

  /// Requests inside the kernel now. Any thread.
  uint64_t inFlight() const;
  /// One for each queue. Any thread.
  const std::vector<virtio::QueueCounters>& counters() const { return counters_; }

 private:
  Attachment(std::unique_ptr<virtio::DeviceModel> model,
             std::unique_ptr<vhost_user::ConnectionSource> source, Options options);

  void run(std::optional<vhost_user::SessionState> inherited);
  std::string serveConnections();
  void serve(vhost_user::Channel channel, std::vector<vhost_user::Message> told);
  void standStillNow(const vhost_user::Session* session);
  void tellOfStandstill(uint64_t demand, const vhost_user::Session* session);
  bool drainFor(uint64_t demand);
  AttachmentEvent stateNow(const vhost_user::Session* session) const;
  QueueWorker* worker(uint16_t index) { return workers_[index % workers_.size()].get(); }
  Result<QueueWorker*> startedWorker(uint16_t index);
  Result<virtio::RingParameters> parametersOf(uint16_t index,
                                              const vhost_user::RingSetup& setup) const;
  Status checkRingsWithin(const MemoryMap& map);
  enum class Waiting { kMayGoOn, kGivenUp };
  /// Returns the base. `waiting`: requests that are held at an access fence.
  uint32_t drainRing(uint16_t index, Waiting waiting);
  void noteStopped(bool leaving);
  void enableRing(uint16_t index);
  void disableRing(uint16_t index);

  // vhost_user::Device, on the control thread
  uint64_t features() const override;
  uint64_t protocolFeatures() const override;
  uint16_t maxQueues() const override;
  bool migratable() const override { return options_.migratable; }
  size_t readConfig(std::span<std::byte> config) override;
  Status writeConfig(uint32_t offset, std::span<const std::byte> data) override;
  Status setFeatures(uint64_t features) override;
  Status setMemory(std::shared_ptr<const MemoryMap> map) override;
  Status setLog(std::shared_ptr<const DirtyLog> log) override;
  vhost_user::InflightBytes inflightBytes(uint16_t queueSize) const override;
  void setInflight(std::shared_ptr<const vhost_user::InflightRegion> region) override {
    inflight_ = std::move(region);
  }
  Status startRing(uint16_t index, const vhost_user::RingSetup& setup, UniqueFd kick) override;
  Result<uint32_t> stopRing(uint16_t index) override;
  Result<vhost_user::RingHandles> ringHandles(uint16_t index) override;
  Status setRingLog(uint16_t index, const vhost_user::RingSetup& setup) override;
  Status setRingEnabled(uint16_t index, bool enabled) override;
  Status setRingCall(uint16_t index, UniqueFd call) override;
  Status setRingErr(uint16_t index, UniqueFd err) override;
  Status resetDevice() override;
  void connected(vhost_user::ConfigNotifier& notifier) override;
  void disconnected() override;

  /// What outlives a ring's stop: a started ring's fds are its Virtqueue's.
  struct Ring {
    bool started = false;
    bool enabled = false;
    bool logged = false;
    uint64_t logAddr = 0;
    UniqueFd call, err;
  };

  void noteLog(uint16_t index, const vhost_user::RingSetup& setup);
  virtio::DirtyLogs logsOf(const Ring& ring) const;
  void renewLogs();
  void renewLog(uint16_t index);

  const std::unique_ptr<virtio::DeviceModel> model_;
  std::unique_ptr<vhost_user::ConnectionSource> source_;
  const Options options_;
  std::vector<virtio::QueueCounters> counters_;
  std::vector<Ring> rings_;
  std::vector<std::unique_ptr<QueueWorker>> workers_;  // null until a ring of its group starts
  std::shared_ptr<const MemoryMap> map_;
  std::shared_ptr<const DirtyLog> log_;
  bool logsAll_ = false;
  Admission admission_;
  StopAllowance allowance_;  // the control thread's
  Standstill standstill_;
  std::shared_ptr<const vhost_user::InflightRegion> inflight_;
  EventFd heard_, stop_;
  std::thread thread_;
};

}  // namespace holdfast
