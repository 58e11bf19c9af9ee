#include "core/device/stop_allowance.h"

#include <doctest/doctest.h>

#include <map>
#include <mutex>

#include "core/base/clock.h"
#include "core/blk/blk_device.h"
#include "support/blk_fixture.h"
#include "support/flush_request.h"
#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"

using namespace holdfast;
using frontend::BlkDriver;
using frontend::ScsiDriver;

namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kAllowance = 20 * kMillisecond;
constexpr uint16_t kQueues = 8;
constexpr AccessFence::Position kHeld{.reads = true, .writes = true, .held = true};

/// How long a queue's requests were allowed to wait from when it stopped.
struct Stop {
  /// On the queue's thread, when it learnt of it.
  int64_t learnt = 0;
  int64_t giveUpAt = 0;
};

/// Of all queues, the last stop of each; any thread.
class Stops {
 public:
  void note(uint16_t queue, int64_t giveUpAt) {
    const std::lock_guard lock(mutex_);
    Stop& stop = stops_[queue];
    if (stop.giveUpAt != giveUpAt) stop = {.learnt = monotonicNow(), .giveUpAt = giveUpAt};
  }
  Stop of(uint16_t queue) {
    const std::lock_guard lock(mutex_);
    return stops_[queue];
  }

 private:
  std::mutex mutex_;
  std::map<uint16_t, Stop> stops_;
};

/// A blk queue whose stops are noted.
class NotedQueue final : public virtio::QueueHandler {
 public:
  NotedQueue(std::unique_ptr<QueueHandler> handler, const virtio::Virtqueue& queue, Stops& stops)
      : handler_(std::move(handler)), queue_(queue), stops_(stops) {}

  unsigned serve(unsigned budget) override { return handler_->serve(budget); }
  bool wantsChains() const override { return handler_->wantsChains(); }
  unsigned collect() override {
    if (queue_.giveUpAt() != kNever) stops_.note(queue_.index(), queue_.giveUpAt());
    return handler_->collect();
  }
  // The front end is gone, and the fence is given up; this is about what isn't.
  void giveUpWaiting() override {}

 private:
  const std::unique_ptr<QueueHandler> handler_;
  const virtio::Virtqueue& queue_;
  Stops& stops_;
};

/// A blk device whose queues' stops are noted.
class NotedDevice final : public virtio::DeviceModel {
 public:
  NotedDevice(std::unique_ptr<blk::BlkDevice> device, Stops& stops)
      : device_(std::move(device)), stops_(stops) {}

  uint64_t features() const override { return device_->features(); }
  bool hasConfig() const override { return device_->hasConfig(); }
  uint16_t queueCount() const override { return device_->queueCount(); }
  size_t readConfig(std::span<std::byte> config) const override {
    return device_->readConfig(config);
  }
  Status writeConfig(uint32_t offset, std::span<const std::byte> data) override {
    return device_->writeConfig(offset, data);
  }
  void setFeatures(uint64_t acknowledged) override { device_->setFeatures(acknowledged); }
  bool negotiated(uint64_t feature) const override { return device_->negotiated(feature); }
  void reset() override { device_->reset(); }
  void refresh() override { device_->refresh(); }
  void onConfigChange(std::function<void()> changed) override {
    device_->onConfigChange(std::move(changed));
  }
  EngineKind engine() const override { return device_->engine(); }
  Status open(IoChannel& channel) override { return device_->open(channel); }
  Result<std::unique_ptr<virtio::QueueHandler>> serve(virtio::Virtqueue& queue,
                                                      IoChannel& channel) override {
    auto handler = device_->serve(queue, channel);
    if (!handler) return handler.error();
    return std::unique_ptr<virtio::QueueHandler>(
        std::make_unique<NotedQueue>(std::move(*handler), queue, stops_));
  }

 private:
  const std::unique_ptr<blk::BlkDevice> device_;
  Stops& stops_;
};

/// Eight rings of a disk whose fence holds everything, and a request in each.
class HeldRings {
 public:
  HeldRings() : image_(1 << 20), fence_(std::make_shared<AccessFence>()) {
    fence_->set(kHeld);
    auto disk = Disk::open({.fd = image_.open(), .path = image_.path(), .serial = "serial"});
    REQUIRE(disk.ok());
    disk_ = std::move(*disk);
    auto listener = vhost_user::Listener::bind(socketPath(), 0600);
    REQUIRE(listener.ok());
    auto device = std::make_unique<blk::BlkDevice>(
        blk::BlkOptions{.queueCount = kQueues, .fence = fence_}, *disk_);
    auto attachment = Attachment::start(std::make_unique<NotedDevice>(std::move(device), stops_),
                                        std::move(*listener),
                                        {.stopTimeout = kAllowance, .onEvent = events_.sink()});
    REQUIRE(attachment.ok());
    attachment_ = std::move(*attachment);
    connect();
  }
  ~HeldRings() { driver_.reset(); }

  BlkDriver& driver() { return *driver_; }
  frontend::Connection& connection() { return driver_->connection(); }
  Stops& stops() { return stops_; }

  void connect() {
    auto driver = BlkDriver::openAndStart(socketPath(), {.numQueues = kQueues});
    REQUIRE(driver.ok());
    driver_ = std::move(*driver);
    for (uint16_t queue = 0; queue < kQueues; ++queue) hold(queue);
  }
  void disconnect() {
    driver_.reset();
    events_.next(AttachmentEvent::Kind::kDisconnected);
  }

  /// Sends a flush that has begun, and is held, when this returns.
  void hold(uint16_t queue) {
    while (driver_->queue(queue).ring().pop()) {  // what a stop before has ended
    }
    requests_[queue] = test::addFlush(*driver_, queue);
    driver_->queue(queue).publish();
    std::vector<std::byte> id(20);
    REQUIRE(driver_->getId(id, queue).ok());
  }
  uint8_t statusOf(uint16_t queue) { return driver_->statusOf(requests_[queue]); }

  void restart(uint16_t queue) { REQUIRE(driver_->queue(queue).start(connection()).ok()); }
  void stop(uint16_t queue) { REQUIRE(driver_->queue(queue).stop(connection()).ok()); }

 private:
  std::string socketPath() const { return image_.path() + ".sock"; }

  test::TemporaryImage image_;
  std::shared_ptr<AccessFence> fence_;
  std::unique_ptr<Disk> disk_;
  Stops stops_;
  test::AttachmentEvents events_;
  std::unique_ptr<Attachment> attachment_;
  std::unique_ptr<BlkDriver> driver_;
  std::map<uint16_t, BlkDriver::RequestBuffers> requests_;
};

/// Its requests waited as long as they may, and none of the rings after it waited at all.
void checkFirstWaitedForAll(Stops& stops, int64_t before) {
  CHECK(stops.of(0).giveUpAt >= before + kAllowance);
  for (uint16_t queue = 1; queue < kQueues; ++queue) {
    CAPTURE(queue);
    CHECK(stops.of(queue).giveUpAt >= stops.of(0).giveUpAt);
    CHECK(stops.of(queue).giveUpAt <= stops.of(queue).learnt);
  }
}

}  // namespace

TEST_CASE("stop allowance: waits use it up, what is between them doesn't, and renewing fills it") {
  StopAllowance allowance(100);
  CHECK(allowance.waitFrom(1000) == 1100);
  allowance.waitedUntil(1030);
  CHECK(allowance.waitFrom(5000) == 5070);
  allowance.waitedUntil(5000);
  CHECK(allowance.waitFrom(6000) == 6070);
  allowance.waitedUntil(6500);  // I/O in the kernel takes as long as it does
  CHECK(allowance.waitFrom(7000) == 7000);
  allowance.waitedUntil(7010);
  allowance.renew();
  CHECK(allowance.waitFrom(8000) == 8100);
}

TEST_CASE("stop allowance: all rings that stop one after another have one") {
  HeldRings rings;
  const int64_t before = monotonicNow();
  SUBCASE("GET_VRING_BASE") {
    for (uint16_t queue = 0; queue < kQueues; ++queue) {
      rings.stop(queue);
      CHECK(rings.statusOf(queue) == VIRTIO_BLK_S_IOERR);
    }
  }
  SUBCASE("SET_VRING_ENABLE 0") {
    for (uint16_t queue = 0; queue < kQueues; ++queue) {
      REQUIRE(rings.connection().setVringEnable(queue, false).ok());
      CHECK(rings.statusOf(queue) == VIRTIO_BLK_S_IOERR);
    }
  }
  SUBCASE("RESET_DEVICE") {
    REQUIRE(rings.connection().resetDevice().ok());
    for (uint16_t queue = 0; queue < kQueues; ++queue)
      CHECK(rings.statusOf(queue) == VIRTIO_BLK_S_IOERR);
  }
  SUBCASE("the front end leaves") {
    rings.disconnect();
  }
  checkFirstWaitedForAll(rings.stops(), before);
}

TEST_CASE("stop allowance: once a ring runs again, the next stop has another one") {
  HeldRings rings;
  int64_t before = 0;
  SUBCASE("a ring has started") {
    rings.stop(0);
    rings.restart(0);
    rings.hold(0);
    before = monotonicNow();
    rings.stop(0);
  }
  SUBCASE("a ring was enabled") {
    REQUIRE(rings.connection().setVringEnable(0, false).ok());
    REQUIRE(rings.connection().setVringEnable(0, true).ok());
    rings.hold(0);
    before = monotonicNow();
    REQUIRE(rings.connection().setVringEnable(0, false).ok());
  }
  SUBCASE("another front end has come") {
    rings.disconnect();
    rings.connect();
    before = monotonicNow();
    rings.stop(0);
  }
  CHECK(rings.stops().of(0).giveUpAt >= before + kAllowance);
}

TEST_CASE("stop allowance: on every ring that stops, commands of either kind end with BUSY") {
  constexpr uint16_t kRequestQueues = 4;
  constexpr uint8_t kBusy = 0x08;
  test::ScsiFixture fixture({.requestQueues = kRequestQueues, .stopTimeout = kAllowance});
  fixture.fence().set(kHeld);
  auto driver = fixture.driver();
  std::vector<ScsiDriver::Request> requests;
  const auto submit = [&](const test::CdbBytes& cdb, uint16_t queue) {
    auto request = driver->makeRequest(frontend::scsiLun(1, 0), cdb, 512, true);
    REQUIRE(request.ok());
    REQUIRE(driver->submit(*request, queue).ok());
    requests.push_back(*request);
  };
  std::vector<MailboxToken> tokens;
  for (uint16_t queue = 2; queue < 2 + kRequestQueues; ++queue) {
    submit(test::blockCdb(0x28, 0, 1), queue);  // READ, held
    submit({0x12, 0, 0, 0, 96, 0}, queue);      // INQUIRY, never answered
    tokens.push_back(fixture.plane().next().token);
  }
  for (uint16_t queue = 0; queue < 2 + kRequestQueues; ++queue)
    REQUIRE(driver->queue(queue).stop(driver->connection()).ok());
  for (const ScsiDriver::Request& request : requests) {
    const frontend::ScsiResult result = driver->resultOf(request, 0);
    CHECK(result.response == VIRTIO_SCSI_S_OK);
    CHECK(result.status == kBusy);
  }
  for (const MailboxToken token : tokens)
    CHECK_FALSE(fixture.plane().mailbox().complete(token, {}));
}
