#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <memory>
#include <string>

#include "core/blk/blk_device.h"
#include "core/device/attachment.h"
#include "core/disk/disk.h"
#include "core/vhost_user/listener.h"
#include "frontend/blk_driver.h"
#include "support/attachment_events.h"
#include "support/ring_kinds.h"
#include "support/temporary_image.h"

namespace holdfast::test {

/// A disk of 1 MiB served at a socket, and drivers that connect to it: the real core, in one
/// process with its front end.
class BlkFixture {
 public:
  static constexpr uint64_t kSize = 1 << 20;

  struct Options {
    bool readOnly = false;
    uint32_t blockSize = 0;
    bool configWce = false;
    EngineKind engine = EngineKind::kIoUring;
    bool anyEngine = true;
    uint16_t queues = 4;
    int64_t pollNanoseconds = 0;
    int64_t stopTimeout = Attachment::Options().stopTimeout;
    std::shared_ptr<AccessFence> fence{};
    Mailbox* mailbox = nullptr;
    bool admitted = true;
  };

  BlkFixture() : BlkFixture(Options{}) {}
  explicit BlkFixture(Options options) : image_(kSize) {
    auto disk =
        Disk::open({.fd = image_.open(options.readOnly ? O_RDONLY | O_DIRECT : O_RDWR | O_DIRECT),
                    .path = image_.path(),
                    .readOnly = options.readOnly,
                    .blockSize = options.blockSize,
                    .anyEngine = options.anyEngine,
                    .engine = options.engine,
                    .serial = "0123456789abcdefghij"});
    REQUIRE_MESSAGE(disk.ok(), (disk.ok() ? "" : disk.error().message));
    disk_ = std::move(*disk);
    socketPath_ = image_.path() + ".sock";
    auto listener = vhost_user::Listener::bind(socketPath_, 0600);
    REQUIRE(listener.ok());
    Attachment::Options attach;
    attach.pollNanoseconds = options.pollNanoseconds;
    attach.stopTimeout = options.stopTimeout;
    attach.admitted = options.admitted;
    attach.onEvent = events_.sink();
    auto model = std::make_unique<blk::BlkDevice>(blk::BlkOptions{.queueCount = options.queues,
                                                                  .configWce = options.configWce,
                                                                  .fence = options.fence,
                                                                  .mailbox = options.mailbox},
                                                  *disk_);
    auto attachment = Attachment::start(std::move(model), std::move(*listener), std::move(attach));
    REQUIRE(attachment.ok());
    attachment_ = std::move(*attachment);
  }

  Disk& disk() { return *disk_; }
  const TemporaryImage& image() const { return image_; }
  Attachment& attachment() { return *attachment_; }
  const std::string& socketPath() const { return socketPath_; }

  /// A driver that has started; the one before must be gone.
  std::unique_ptr<frontend::BlkDriver> driver(frontend::BlkDriverOptions options = {}) {
    auto driver = frontend::BlkDriver::openAndStart(socketPath_, options);
    REQUIRE_MESSAGE(driver.ok(), (driver.ok() ? "" : driver.error().message));
    return std::move(*driver);
  }

  /// Waits for the next event of this kind.
  AttachmentEvent waitForEvent(AttachmentEvent::Kind kind) { return events_.next(kind); }
  /// The same; returns its text.
  std::string waitFor(AttachmentEvent::Kind kind) { return waitForEvent(kind).text; }

  uint64_t total(RelaxedCounter virtio::QueueCounters::* counter) const {
    uint64_t sum = 0;
    for (const virtio::QueueCounters& counters : attachment_->counters())
      sum += (counters.*counter).get();
    return sum;
  }

 private:
  TemporaryImage image_;
  std::unique_ptr<Disk> disk_;
  std::string socketPath_;
  AttachmentEvents events_;
  std::unique_ptr<Attachment> attachment_;  // last: its thread reports events
};

}  // namespace holdfast::test
