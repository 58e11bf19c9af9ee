#include "core/scsi/scsi_controller.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include "core/scsi/control_queue.h"
#include "core/scsi/event_queue.h"
#include "core/scsi/lun_address.h"
#include "core/scsi/scsi_queue.h"
#include "core/virtio/ring_layout.h"

namespace holdfast::scsi {
namespace {

Error noUnit(uint8_t target, uint16_t lun) {
  return {ENOENT, "target " + std::to_string(target) + ", LUN " + std::to_string(lun) +
                      " has no logical unit"};
}

/// CAPACITY DATA HAS CHANGED as an event's reason: ASC, then ASCQ (virtio 1.4, 5.6.6.3).
constexpr uint32_t kCapacityChanged = 0x2a | 0x09 << 8;

}  // namespace

Status ScsiController::addUnit(LogicalUnit::Options options) {
  const uint8_t target = options.target;
  const uint16_t lun = options.lun;
  if (Status added = units_.add(std::move(options)); !added) return added;
  queues_.wake();
  tell(kTransportReset, target, lun, kRescan);
  return {};
}

Status ScsiController::removeUnit(uint8_t target, uint16_t lun, std::function<void()> released) {
  if (Status removed = units_.remove(target, lun, std::move(released)); !removed) return removed;
  queues_.wake();
  tell(kTransportReset, target, lun, kRemoved);
  return {};
}

Status ScsiController::configureUnit(uint8_t target, uint16_t lun, UnitSettings settings) {
  const auto unit = units_.find(target, lun);
  if (!unit) return noUnit(target, lun);
  unit->configure(settings);
  return {};
}

Status ScsiController::capacityChanged(uint8_t target, uint16_t lun) {
  if (!units_.find(target, lun)) return noUnit(target, lun);
  tell(kParameterChange, target, lun, kCapacityChanged);
  return {};
}

void ScsiController::tell(uint32_t event, uint8_t target, uint16_t lun, uint32_t reason) {
  // QEMU negotiates CHANGE with the guest by itself and keeps the bit from us. A driver that takes
  // no events leaves the ring empty.
  const uint64_t needed =
      event == kParameterChange ? kFeatureChange | kFeatureHotplug : kFeatureHotplug;
  events_.post({event, LunAddress::encode(target, lun), reason}, negotiated(needed));
}

uint64_t ScsiController::features() const {
  return virtio::kFeatureIndirect | virtio::kFeatureEventIndex | virtio::kFeatureVersion1 |
         virtio::kFeaturePacked | kFeatureHotplug | kFeatureChange;
}

size_t ScsiController::readConfig(std::span<std::byte> config) const {
  // Drivers that keep them in 8 bits get 255 of maxTarget and maxLun, which is right.
  const Config values{.requestQueueCount = options_.requestQueueCount,
                      .segMax = kSegMax,
                      .maxSectors = 0xffff,
                      .commandsPerLun = kCommandsPerLun,
                      .eventInfoSize = sizeof(Event),
                      .senseSize = kSenseSize,
                      .cdbSize = kCdbSize,
                      .maxChannel = 0,
                      .maxTarget = 255,
                      .maxLun = LunAddress::kLunMax};
  const size_t size = std::min(config.size(), sizeof values);
  std::memcpy(config.data(), &values, size);
  return size;
}

Status ScsiController::writeConfig(uint32_t offset, std::span<const std::byte> data) {
  uint32_t value;
  const bool isSize = offset == offsetof(Config, senseSize) || offset == offsetof(Config, cdbSize);
  if (!isSize || data.size() != sizeof value)
    return Error{EINVAL, "config write outside sense_size and cdb_size"};
  std::memcpy(&value, data.data(), sizeof value);
  const uint32_t served = offset == offsetof(Config, senseSize) ? kSenseSize : kCdbSize;
  if (value == served) return {};
  return Error{EINVAL, "only sense_size 96 and cdb_size 32 are served"};
}

void ScsiController::refresh() {
  // A size that can't be read now will show as failing requests.
  for (const auto& unit : units_.read().units) (void)unit->disk().refreshSize();
}

EngineKind ScsiController::engine() const {
  const auto units = units_.read().units;
  const auto wanted = [&units](EngineKind kind) {
    return std::ranges::any_of(units,
                               [kind](const auto& unit) { return unit->disk().engine() == kind; });
  };
  // A worker has one engine for all disks. io_uring serves every kind of file well or second best;
  // where the system refuses it, no disk wants it.
  for (const EngineKind kind : {EngineKind::kIoUring, EngineKind::kLibaio, EngineKind::kSync})
    if (units.empty() ? makeEngine(kind).ok() : wanted(kind)) return kind;
  return EngineKind::kSync;
}

Result<std::unique_ptr<virtio::QueueHandler>> ScsiController::serve(virtio::Virtqueue& queue,
                                                                    IoChannel& channel) {
  switch (queue.index()) {
    case kControlQueue:
      return ControlQueue::create(queue, *this, channel);
    case kEventQueue:
      return EventQueue::create(queue, events_, channel);
    default:
      return ScsiQueue::create(queue, *this, channel);
  }
}

}  // namespace holdfast::scsi
