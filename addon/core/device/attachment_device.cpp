// What the front end's messages do to an attachment.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/clock.h"
#include "core/base/duplicate_fd.h"
#include "core/device/attachment.h"
#include "core/virtio/ring_layout.h"

namespace holdfast {
namespace {

/// A ring that can't have its fd goes without.
UniqueFd duplicate(const UniqueFd& fd) {
  auto duplicate = duplicateFd(fd);
  return duplicate ? std::move(*duplicate) : UniqueFd();
}

}  // namespace

uint64_t Attachment::features() const {
  return model_->features();
}

uint64_t Attachment::protocolFeatures() const {
  return model_->hasConfig() ? uint64_t{vhost_user::kConfig} : 0;
}

uint16_t Attachment::maxQueues() const {
  return model_->queueCount();
}

size_t Attachment::readConfig(std::span<std::byte> config) {
  return model_->readConfig(config);
}

Status Attachment::writeConfig(uint32_t offset, std::span<const std::byte> data) {
  return model_->writeConfig(offset, data);
}

Status Attachment::setFeatures(uint64_t features) {
  model_->setFeatures(features);
  logsAll_ = (features & vhost_user::kLogAllBit) != 0;
  renewLogs();
  return {};
}

Status Attachment::setLog(std::shared_ptr<const DirtyLog> log) {
  log_ = std::move(log);
  renewLogs();
  return {};
}

Status Attachment::setRingLog(uint16_t index, const vhost_user::RingSetup& setup) {
  noteLog(index, setup);
  renewLog(index);
  return {};
}

void Attachment::noteLog(uint16_t index, const vhost_user::RingSetup& setup) {
  rings_[index].logged = (setup.flags & vhost_user::kVringLogFlag) != 0;
  rings_[index].logAddr = setup.logAddr;
}

virtio::DirtyLogs Attachment::logsOf(const Ring& ring) const {
  return {.buffers = logsAll_ ? log_ : nullptr,
          .ring = ring.logged ? log_ : nullptr,
          .ringAddr = ring.logAddr};
}

void Attachment::renewLogs() {
  for (uint16_t i = 0; i < maxQueues(); ++i)
    if (rings_[i].started) renewLog(i);
}

void Attachment::renewLog(uint16_t index) {
  QueueWorker* owner = worker(index);
  owner->call([&] {
    owner->find(index)->queue->setDirtyLogs(logsOf(rings_[index]));
    return true;
  });
}

Status Attachment::checkRingsWithin(const MemoryMap& map) {
  Status outcome;
  for (uint16_t i = 0; i < maxQueues() && outcome; ++i) {
    if (!rings_[i].started) continue;
    QueueWorker* owner = worker(i);
    owner->call([&] {
      outcome = owner->find(i)->queue->ring().checkWithin(map);
      return true;
    });
  }
  return outcome;
}

Status Attachment::setMemory(std::shared_ptr<const MemoryMap> map) {
  // All rings before any: what is refused changes nothing.
  if (Status within = checkRingsWithin(*map); !within) return within;
  map_ = std::move(map);
  Status outcome;
  for (auto& worker : workers_) {
    if (!worker) continue;
    worker->call([&] {
      worker->enterEpoch(map_);
      for (uint16_t i = 0; i < maxQueues(); ++i) {
        ServedQueue* served = worker->find(i);
        if (!served) continue;
        Status switched = served->queue->switchTo(*worker->epoch());
        if (!switched) outcome = switched;
      }
      return true;
    });
  }
  return outcome;
}

Result<QueueWorker*> Attachment::startedWorker(uint16_t index) {
  const size_t group = index % workers_.size();
  if (!workers_[group]) {
    auto worker = QueueWorker::start({.name = "hf-queue-" + std::to_string(group),
                                      .engine = model_->engine(),
                                      .admission = admission_,
                                      .pollNanoseconds = options_.pollNanoseconds});
    if (!worker) return worker.error();
    QueueWorker& started = **worker;
    Status opened;
    started.call([&] {
      opened = model_->open(started.channel());
      started.enterEpoch(map_);
      return true;
    });
    if (!opened) return opened.error();
    workers_[group] = std::move(*worker);
  }
  return workers_[group].get();
}

Result<virtio::RingParameters> Attachment::parametersOf(uint16_t index,
                                                        const vhost_user::RingSetup& setup) const {
  virtio::RingParameters parameters{.addresses = {.descriptor = setup.descriptorAddr,
                                                  .available = setup.availableAddr,
                                                  .used = setup.usedAddr},
                                    .size = setup.size,
                                    .base = setup.base,
                                    .packed = model_->negotiated(virtio::kFeaturePacked),
                                    .eventIndex = model_->negotiated(virtio::kFeatureEventIndex)};
  if (!inflight_) return parameters;
  if (index >= inflight_->queueCount())
    return Error{EINVAL, "the inflight region has no place for queue " + std::to_string(index)};
  const uint16_t entries = virtio::inflightEntries(parameters.packed, inflight_->bytesPerQueue());
  // The features can have changed since it was given.
  if (entries < inflight_->queueSize())
    return Error{EINVAL, "the inflight region is made for the other layout of rings"};
  // Of a back end that made it as large as it was asked to.
  if (setup.size > entries) return parameters;
  parameters.inflight = std::shared_ptr<std::byte>(inflight_, inflight_->queue(index));
  parameters.inflightEntries = entries;
  return parameters;
}

vhost_user::InflightBytes Attachment::inflightBytes(uint16_t queueSize) const {
  const bool packed = model_->negotiated(virtio::kFeaturePacked);
  return {.negotiated = virtio::inflightBytes(packed, queueSize),
          .most = virtio::inflightBytes(true, queueSize)};
}

Status Attachment::startRing(uint16_t index, const vhost_user::RingSetup& setup, UniqueFd kick) {
  if (!map_) return Error{EINVAL, "the ring starts before any memory was shared"};
  const auto parameters = parametersOf(index, setup);
  if (!parameters) return parameters.error();
  noteLog(index, setup);
  auto worker = startedWorker(index);
  if (!worker) return worker.error();
  Ring& ring = rings_[index];
  // Before it is served: from now on the disks can't be taken from it.
  const uint64_t demand = admission_.ringStarted();
  allowance_.renew();
  Status outcome;
  (*worker)->call([&] {
    auto queue = std::make_unique<virtio::Virtqueue>(index, counters_[index]);
    outcome = queue->attach(*(*worker)->epoch(), *parameters);
    if (!outcome) return true;
    queue->setKick(std::move(kick));
    queue->setCall(duplicate(ring.call));
    queue->setErr(duplicate(ring.err));
    if (ring.enabled) queue->enable();
    queue->setDirtyLogs(logsOf(ring));
    auto handler = model_->serve(*queue, (*worker)->channel());
    outcome =
        handler ? (*worker)->add({std::move(queue), std::move(*handler)}) : Status(handler.error());
    return true;
  });
  ring.started = outcome.ok();
  if (!outcome)
    (void)admission_.ringStopped(false);
  else if (demand != 0)
    options_.onEvent({.kind = AttachmentEvent::Kind::kDisksWanted, .demand = demand});
  return outcome;
}

Result<uint32_t> Attachment::stopRing(uint16_t index) {
  const uint32_t base = drainRing(index, Waiting::kMayGoOn);
  noteStopped(logsAll_);
  return base;
}

Result<vhost_user::RingHandles> Attachment::ringHandles(uint16_t index) {
  vhost_user::RingHandles handles;
  const Ring& ring = rings_[index];
  auto call = duplicateFd(ring.call);
  auto err = duplicateFd(ring.err);
  if (!call || !err) return call ? err.error() : call.error();
  handles.call = std::move(*call);
  handles.err = std::move(*err);
  if (!ring.started) return handles;
  QueueWorker* owner = worker(index);
  Status outcome;
  owner->call([&] {
    virtio::Virtqueue& queue = *owner->find(index)->queue;
    handles.base = queue.ring().base();
    auto kick = duplicateFd(queue.kick());
    if (kick)
      handles.kick = std::move(*kick);
    else
      outcome = kick.error();
    return true;
  });
  if (!outcome) return outcome.error();
  return handles;
}

/// `leaving`: this is how migration ends here. A mere pause keeps the disks, and so does a
/// connection that breaks: nobody else can have the guest then.
void Attachment::noteStopped(bool leaving) {
  if (admission_.ringStopped(leaving))
    options_.onEvent({.kind = AttachmentEvent::Kind::kDisksLeft});
}

uint32_t Attachment::drainRing(uint16_t index, Waiting waiting) {
  uint32_t base = 0;
  QueueWorker* owner = worker(index);
  const int64_t giveUpAt = allowance_.waitFrom(monotonicNow());
  owner->call([&] {
    ServedQueue* served = owner->find(index);
    served->queue->stopServing(giveUpAt);
    if (waiting == Waiting::kGivenUp) served->handler->giveUpWaiting();
    if (served->queue->inFlight() > 0) return false;
    served->queue->publish();
    base = served->queue->ring().base();
    owner->remove(index);
    return true;
  });
  allowance_.waitedUntil(monotonicNow());
  rings_[index].started = false;
  return base;
}

Status Attachment::setRingEnabled(uint16_t index, bool enabled) {
  Ring& ring = rings_[index];
  ring.enabled = enabled;
  if (!ring.started) return {};
  enabled ? enableRing(index) : disableRing(index);
  return {};
}

void Attachment::enableRing(uint16_t index) {
  allowance_.renew();
  QueueWorker* owner = worker(index);
  owner->call([&] {
    owner->find(index)->queue->enable();
    return true;
  });
}

void Attachment::disableRing(uint16_t index) {
  QueueWorker* owner = worker(index);
  const int64_t giveUpAt = allowance_.waitFrom(monotonicNow());
  owner->call([&] {
    virtio::Virtqueue& queue = *owner->find(index)->queue;
    queue.disable(giveUpAt);
    if (queue.inFlight() > 0) return false;
    queue.publish();
    return true;
  });
  allowance_.waitedUntil(monotonicNow());
}

Status Attachment::setRingCall(uint16_t index, UniqueFd call) {
  Ring& ring = rings_[index];
  ring.call = std::move(call);
  if (!ring.started) return {};
  QueueWorker* owner = worker(index);
  owner->call([&] {
    virtio::Virtqueue& queue = *owner->find(index)->queue;
    queue.setCall(duplicate(ring.call));
    // QEMU (7.2) exchanges the fd as the guest masks its vector, doesn't wait for us, and looks at
    // the old one only once: an interrupt that went there after that is lost.
    queue.interrupt();
    return true;
  });
  return {};
}

Status Attachment::setRingErr(uint16_t index, UniqueFd err) {
  Ring& ring = rings_[index];
  ring.err = std::move(err);
  if (!ring.started) return {};
  QueueWorker* owner = worker(index);
  owner->call([&] {
    owner->find(index)->queue->setErr(duplicate(ring.err));
    return true;
  });
  return {};
}

Status Attachment::resetDevice() {
  model_->reset();
  logsAll_ = false;
  return {};
}

void Attachment::connected(vhost_user::ConfigNotifier& notifier) {
  model_->refresh();
  model_->onConfigChange([&notifier] { notifier.configChanged(); });
}

void Attachment::disconnected() {
  model_->onConfigChange({});
  for (uint16_t i = 0; i < maxQueues(); ++i) {
    if (rings_[i].started) {
      (void)drainRing(i, Waiting::kGivenUp);
      noteStopped(false);
    }
    rings_[i] = Ring();
  }
  for (auto& worker : workers_) {
    if (!worker) continue;
    worker->call([&] {
      worker->leaveEpochs();
      return true;
    });
  }
  map_.reset();
  log_.reset();
  logsAll_ = false;
  inflight_.reset();
  model_->reset();
}

}  // namespace holdfast
