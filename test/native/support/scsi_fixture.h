#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/device/attachment.h"
#include "core/disk/disk.h"
#include "core/scsi/scsi_controller.h"
#include "core/vhost_user/listener.h"
#include "frontend/scsi_driver.h"
#include "support/attachment_events.h"
#include "support/control_plane.h"
#include "support/ring_kinds.h"
#include "support/temporary_image.h"

namespace holdfast::test {

inline std::vector<std::byte> pattern(size_t size, unsigned seed) {
  std::vector<std::byte> data(size);
  for (size_t i = 0; i < size; ++i)
    data[i] = static_cast<std::byte>((i * 7 + i / 253 + seed) & 255);
  return data;
}

/// GOOD, and all of its data moved.
inline void checkGood(const Result<frontend::ScsiResult>& result) {
  REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.error().message));
  CHECK(result->response == VIRTIO_SCSI_S_OK);
  CHECK(result->status == 0);
  CHECK(result->residual == 0);
}

/// A virtio-scsi controller with one disk of 1 MiB at target 1, LUN 0, whose fence is open, and
/// drivers that connect to it: the real core, in one process with its front end.
class ScsiFixture {
 public:
  static constexpr uint64_t kSize = 1 << 20;

  struct Options {
    bool readOnly = false;
    uint32_t blockSize = 512;
    EngineKind engine = EngineKind::kIoUring;
    bool anyEngine = true;
    uint16_t requestQueues = 2;
    bool config = false;
    Mailbox::Options mailbox{};
    int64_t stopTimeout = Attachment::Options().stopTimeout;
    bool disconnectionIsHeard = false;
    std::function<void()> onConflict{};
    scsi::BlockLimits limits{.writeSameBlocks = 1 << 20,
                             .unmapBlocks = 1 << 20,
                             .unmapDescriptors = 16,
                             .compareAndWriteBlocks = 128};
  };

  ScsiFixture() : ScsiFixture(Options{}) {}
  explicit ScsiFixture(Options options)
      : options_(options), plane_(options.mailbox), image_(kSize) {
    disk_ = openDisk(image_);
    fence_ = std::make_shared<AccessFence>(options.onConflict);
    fence_->set({.reads = true, .writes = true});
    auto model = std::make_unique<scsi::ScsiController>(
        scsi::ScsiOptions{.requestQueueCount = options.requestQueues, .config = options.config},
        plane_.mailbox());
    controller_ = model.get();
    REQUIRE(controller_->addUnit(unit(1, 0)).ok());

    socketPath_ = image_.path() + ".sock";
    auto listener = vhost_user::Listener::bind(socketPath_, 0600);
    REQUIRE(listener.ok());
    Attachment::Options attach;
    attach.stopTimeout = options.stopTimeout;
    attach.disconnectionIsHeard = options.disconnectionIsHeard;
    attach.onEvent = events_.sink();
    auto attachment = Attachment::start(std::move(model), std::move(*listener), std::move(attach));
    REQUIRE(attachment.ok());
    attachment_ = std::move(*attachment);
  }

  std::shared_ptr<Disk> openDisk(const TemporaryImage& image) const {
    const int flags = (options_.readOnly ? O_RDONLY : O_RDWR) | O_DIRECT;
    auto disk = Disk::open({.fd = image.open(flags),
                            .path = image.path(),
                            .readOnly = options_.readOnly,
                            .blockSize = options_.blockSize,
                            .anyEngine = options_.anyEngine,
                            .engine = options_.engine,
                            .serial = "serial"});
    REQUIRE_MESSAGE(disk.ok(), (disk.ok() ? "" : disk.error().message));
    return std::move(*disk);
  }

  /// Another place for the fixture's disk.
  scsi::LogicalUnit::Options unit(uint8_t target, uint16_t lun) const {
    return {
        .target = target, .lun = lun, .disk = disk_, .fence = fence_, .limits = options_.limits};
  }

  Disk& disk() { return *disk_; }
  const TemporaryImage& image() const { return image_; }
  AccessFence& fence() { return *fence_; }
  ControlPlane& plane() { return plane_; }
  scsi::ScsiController& controller() { return *controller_; }
  Attachment& attachment() { return *attachment_; }
  const std::string& socketPath() const { return socketPath_; }

  /// A driver that has started, by default with every queue; the one before must be gone.
  std::unique_ptr<frontend::ScsiDriver> driver(frontend::DriverOptions options = {.numQueues = 0}) {
    if (options.numQueues == 0)
      options.numQueues = static_cast<uint16_t>(2 + options_.requestQueues);
    auto driver = frontend::ScsiDriver::openAndStart(socketPath_, options);
    REQUIRE_MESSAGE(driver.ok(), (driver.ok() ? "" : driver.error().message));
    return std::move(*driver);
  }

  /// Runs `send`, whose command the control plane answers with `reply`; returns the message.
  template <typename Send>
  MailboxMessage whileAnswering(MailboxReply reply, Send send) {
    MailboxMessage message;
    std::thread answering([&] {
      message = plane_.next();
      plane_.mailbox().complete(message.token, std::move(reply));
    });
    send();
    answering.join();
    return message;
  }

  AttachmentEvent waitForEvent(AttachmentEvent::Kind kind) { return events_.next(kind); }

  uint64_t total(RelaxedCounter virtio::QueueCounters::* counter) const {
    uint64_t sum = 0;
    for (const virtio::QueueCounters& counters : attachment_->counters())
      sum += (counters.*counter).get();
    return sum;
  }

 private:
  const Options options_;
  ControlPlane plane_;
  TemporaryImage image_;
  std::shared_ptr<Disk> disk_;
  std::shared_ptr<AccessFence> fence_;
  scsi::ScsiController* controller_ = nullptr;
  std::string socketPath_;
  AttachmentEvents events_;
  std::unique_ptr<Attachment> attachment_;  // last: its threads use the others
};

}  // namespace holdfast::test
