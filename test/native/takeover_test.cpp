#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

#include "session_fixture.h"
#include "support/blk_fixture.h"
#include "support/flush_request.h"
#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"
#include "support/stuck_write.h"

using namespace holdfast;
using test::BlkFixture;
using test::ScsiFixture;
using Kind = AttachmentEvent::Kind;

namespace {

constexpr uint8_t kRead10 = 0x28;

/// Goes on in the place of an attachment that stands still, as another process would: all it has
/// are duplicates of what the first one gave.
class Successor {
 public:
  Successor(std::unique_ptr<virtio::DeviceModel> model, AttachmentState state,
            const std::string& socketPath) {
    auto listener = vhost_user::Listener::adopt(std::move(state.listener), socketPath);
    REQUIRE_MESSAGE(listener.ok(), (listener.ok() ? "" : listener.error().message));
    auto attachment = Attachment::start(std::move(model), std::move(*listener),
                                        {.standsStill = true, .onEvent = events_.sink()},
                                        std::move(state.session));
    REQUIRE(attachment.ok());
    attachment_ = std::move(*attachment);
  }

  AttachmentEvent waitForEvent(Kind kind) { return events_.next(kind); }
  Attachment& attachment() { return *attachment_; }
  /// It has taken in all it was told.
  void resume() {
    CHECK(waitForEvent(Kind::kStandsStill).demand == 0);
    attachment_->resume();
  }

 private:
  test::AttachmentEvents events_;
  std::unique_ptr<Attachment> attachment_;  // last: its thread tells events
};

/// Brings the fixture's attachment to a standstill; what it has told is for a successor.
template <typename Fixture>
AttachmentState standStill(Fixture& fixture, uint64_t demand = 1) {
  fixture.attachment().standStill(demand);
  AttachmentEvent event = fixture.waitForEvent(Kind::kStandsStill);
  REQUIRE(event.demand == demand);
  REQUIRE_MESSAGE(event.state, event.text);
  return std::move(*event.state);
}

std::unique_ptr<Successor> succeed(BlkFixture& fixture, AttachmentState state,
                                   const blk::BlkOptions& options = {.queueCount = 4}) {
  return std::make_unique<Successor>(std::make_unique<blk::BlkDevice>(options, fixture.disk()),
                                     std::move(state), fixture.socketPath());
}

std::vector<std::byte> blockOf(int value) {
  return std::vector<std::byte>(512, static_cast<std::byte>(value));
}

}  // namespace

TEST_CASE("takeover, blk: the successor goes on where the first stood, on every ring") {
  for (const auto& [packed, eventIndex] : test::kRingKinds) {
    CAPTURE(packed);
    CAPTURE(eventIndex);
    BlkFixture fixture;
    frontend::BlkDriverOptions options{.numQueues = 2, .packed = packed};
    if (!eventIndex) options.features = ~(1ULL << frontend::kFeatureEventIndex);
    auto driver = fixture.driver(options);
    for (int i = 0; i < 200; ++i)
      REQUIRE(*driver->write(static_cast<uint64_t>(i), blockOf(i), i % 2) == VIRTIO_BLK_S_OK);

    const auto successor = succeed(fixture, standStill(fixture));
    // Whether in the ring or in the socket: what comes now is the successor's.
    auto request = driver->makeRequest(VIRTIO_BLK_T_IN, 77, 512, true);
    REQUIRE(request.ok());
    REQUIRE(driver->queue(0)
                .ring()
                .add(std::array{request->header, request->data, request->status})
                .has_value());
    driver->queue(0).publish();
    const uint64_t before = fixture.total(&virtio::QueueCounters::started);
    successor->resume();
    REQUIRE(driver->queue(0).popWait().ok());
    CHECK(driver->statusOf(*request) == VIRTIO_BLK_S_OK);
    CHECK(driver->dataOf(*request)[0] == std::byte{77});
    for (int i = 0; i < 200; ++i) {
      std::vector<std::byte> data(512);
      REQUIRE(*driver->read(static_cast<uint64_t>(i), data, i % 2) == VIRTIO_BLK_S_OK);
      CHECK(data == blockOf(i));
    }
    REQUIRE(driver->connection().getFeatures().ok());
    CHECK(fixture.total(&virtio::QueueCounters::started) == before);
    REQUIRE(driver->queue(0).stop(driver->connection()).ok());
    REQUIRE(driver->queue(0).start(driver->connection()).ok());
    REQUIRE(*driver->flush() == VIRTIO_BLK_S_OK);

    driver.reset();
    CHECK(successor->waitForEvent(Kind::kDisconnected).text.empty());
    driver = fixture.driver(options);  // the successor listens, too
    REQUIRE(*driver->flush() == VIRTIO_BLK_S_OK);
  }
}

TEST_CASE("takeover, blk: a standstill that is given up is a pause, time after time") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    BlkFixture fixture;
    auto driver = fixture.driver({.packed = packed});
    for (uint64_t demand = 1; demand <= 50; ++demand) {
      {
        const AttachmentState state = standStill(fixture, demand);
        CHECK(state.session.has_value());
      }
      fixture.attachment().resume();
      REQUIRE(*driver->write(demand, blockOf(static_cast<int>(demand))) == VIRTIO_BLK_S_OK);
    }
    REQUIRE(driver->connection().getFeatures().ok());
  }
}

TEST_CASE("takeover, blk: one demand after another is met, whatever became of the one before") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  for (uint64_t demand = 1; demand <= 100; ++demand) {
    if (demand % 3 == 0) fixture.attachment().resume();
    (void)standStill(fixture, demand);
  }
  fixture.attachment().resume();
  REQUIRE(*driver->flush() == VIRTIO_BLK_S_OK);
}

TEST_CASE("takeover, blk: nothing is served at a standstill, and nothing read") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  const AttachmentState state = standStill(fixture);
  test::addFlush(*driver);
  driver->queue(0).publish();
  driver->queue(0).kick();
  CHECK(driver->queue(0).waitUsed(std::chrono::milliseconds(50)).error().code == ETIMEDOUT);
  CHECK(fixture.total(&virtio::QueueCounters::started) == 0);
  fixture.attachment().resume();
  REQUIRE(driver->queue(0).popWait().ok());
}

TEST_CASE(
    "takeover, blk: kicks through a pipe, as user-mode Linux has them, are left for the next") {
  for (const EngineKind engine : {EngineKind::kIoUring, EngineKind::kSync}) {
    BlkFixture fixture({.engine = engine, .anyEngine = false});
    auto driver = fixture.driver();
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    const UniqueFd kicked(ends[0]), kick(ends[1]);
    REQUIRE(driver->connection().setVringKick(0, kicked.get()).ok());
    const uint64_t one = 1;
    const auto flush = [&] {
      test::addFlush(*driver);
      (void)driver->queue(0).ring().publish();
      REQUIRE(::write(kick.get(), &one, sizeof one) == sizeof one);
      REQUIRE(driver->queue(0).popWait().ok());
    };
    flush();

    const AttachmentState state = standStill(fixture);
    const auto waiting = [&] {
      int bytes = 0;
      REQUIRE(::ioctl(kicked.get(), FIONREAD, &bytes) == 0);
      return bytes;
    };
    while (waiting() > 0) {  // those from before
      std::byte byte;
      REQUIRE(::read(kicked.get(), &byte, 1) == 1);
    }
    REQUIRE(::write(kick.get(), &one, sizeof one) == sizeof one);
    // Whatever a queue's thread does when it is woken it has done at the end.
    fixture.attachment().requestStop();
    fixture.waitForEvent(Kind::kEnded);
    CHECK(waiting() == sizeof one);
  }
}

TEST_CASE("takeover, blk: without a front end it is the listening socket that is handed on") {
  BlkFixture fixture;
  AttachmentState state = standStill(fixture);
  CHECK_FALSE(state.session.has_value());
  const auto successor = succeed(fixture, std::move(state));
  successor->resume();
  auto driver = fixture.driver();
  successor->waitForEvent(Kind::kConnected);
  REQUIRE(*driver->flush() == VIRTIO_BLK_S_OK);
  CHECK(fixture.total(&virtio::QueueCounters::flushes) == 0);
}

TEST_CASE("takeover, blk: what was chosen before goes along") {
  BlkFixture fixture({.configWce = true});
  frontend::BlkDriverOptions options;
  auto driver = fixture.driver(options);
  const std::byte writeThrough{0};
  REQUIRE(driver->connection()
              .setConfig(offsetof(virtio_blk_config, wce), std::span(&writeThrough, 1))
              .ok());
  const auto successor =
      succeed(fixture, standStill(fixture), {.queueCount = 4, .configWce = true});
  successor->resume();
  REQUIRE(*driver->flush() == VIRTIO_BLK_S_OK);
  CHECK(driver->config()->wce == 0);
  // It stays so from process to process.
  successor->attachment().standStill(2);
  AttachmentEvent again = successor->waitForEvent(Kind::kStandsStill);
  REQUIRE(again.state);
  const auto third =
      succeed(fixture, std::move(*again.state), {.queueCount = 4, .configWce = true});
  third->resume();
  REQUIRE(*driver->flush() == VIRTIO_BLK_S_OK);
  CHECK(driver->config()->wce == 0);
}

TEST_CASE("takeover, scsi: the successor serves every queue") {
  for (const bool packed : {false, true}) {
    CAPTURE(packed);
    ScsiFixture fixture;
    auto driver = fixture.driver({.numQueues = 4, .packed = packed});
    REQUIRE(driver->offerEventBuffers(4).ok());
    std::vector<std::byte> data(512);
    const auto lun = frontend::scsiLun(1, 0);
    test::checkGood(driver->execute(lun, test::blockCdb(kRead10, 0, 1), {}, data, 2));

    auto controller = std::make_unique<scsi::ScsiController>(
        scsi::ScsiOptions{.requestQueueCount = 2}, fixture.plane().mailbox());
    scsi::ScsiController& units = *controller;
    REQUIRE(units.addUnit(fixture.unit(1, 0)).ok());
    Successor successor(std::move(controller), standStill(fixture), fixture.socketPath());
    successor.resume();
    for (uint16_t queue = 2; queue < 4; ++queue)
      test::checkGood(driver->execute(lun, test::blockCdb(kRead10, 0, 1), {}, data, queue));
    REQUIRE(units.addUnit(fixture.unit(1, 7)).ok());
    const auto event = driver->nextEvent();
    REQUIRE(event.ok());
    CHECK(event->reason == VIRTIO_SCSI_EVT_RESET_RESCAN);
    CHECK(driver->manageTask(VIRTIO_SCSI_T_TMF_QUERY_TASK, lun).ok());
  }
}

TEST_CASE("takeover, scsi: a request that doesn't end is waited for, and can be given up on") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  test::StuckWrite stuck(fixture.disk(), *driver, frontend::scsiLun(1, 0));
  fixture.attachment().standStill(1);
  fixture.attachment().resume();
  std::vector<std::byte> data(512);
  test::checkGood(
      driver->execute(frontend::scsiLun(1, 0), test::blockCdb(kRead10, 8, 1), {}, data, 3));
  fixture.attachment().standStill(2);
  stuck.release();
  const AttachmentEvent event = fixture.waitForEvent(Kind::kStandsStill);
  CHECK(event.demand == 2);
  CHECK(fixture.attachment().inFlight() == 0);
  fixture.attachment().resume();
  REQUIRE(driver->queue(2).popWait().ok());
}

TEST_CASE("takeover: it can be stopped at a standstill, and then nothing more is served") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  const AttachmentState state = standStill(fixture);
  const auto request = test::addFlush(*driver);
  driver->queue(0).publish();
  fixture.attachment().requestStop();
  fixture.waitForEvent(Kind::kEnded);
  CHECK(driver->statusOf(request) == frontend::BlkDriver::kNoStatus);
}

TEST_CASE("takeover, hostile: what is told is checked as what a front end says") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  AttachmentState state = standStill(fixture);
  auto& told = state.session->told;
  using vhost_user::Request;
  const auto messageOf = [&](Request request) -> vhost_user::Message& {
    for (auto& message : told)
      if (message.header.request == static_cast<uint32_t>(request)) return message;
    FAIL("it was not told");
    return told.front();
  };
  std::string reason;
  SUBCASE("memory without a file") {
    messageOf(Request::kAddMemReg).fds.clear();
    reason = "ADD_MEM_REG refused";
  }
  SUBCASE("memory beyond its file") {
    vhost_user::SingleRegion region;
    std::memcpy(&region, messageOf(Request::kAddMemReg).buffer.data(), sizeof region);
    region.region.size *= 2;
    std::memcpy(messageOf(Request::kAddMemReg).buffer.data(), &region, sizeof region);
    reason = "ADD_MEM_REG refused";
  }
  SUBCASE("a ring outside of the memory") {
    vhost_user::VringAddresses addresses;
    std::memcpy(&addresses, messageOf(Request::kSetVringAddr).buffer.data(), sizeof addresses);
    addresses.usedAddr += 1ULL << 40;
    std::memcpy(messageOf(Request::kSetVringAddr).buffer.data(), &addresses, sizeof addresses);
    reason = "SET_VRING_KICK refused";
  }
  SUBCASE("a queue that there isn't") {
    messageOf(Request::kSetVringNum).buffer[0] = std::byte{200};
    reason = "SET_VRING_NUM refused";
  }
  SUBCASE("a payload that is too short") {
    messageOf(Request::kSetVringAddr).header.size = 8;
    reason = "SET_VRING_ADDR refused";
  }
  SUBCASE("a message that nobody knows") {
    told.push_back(vhost_user::makeMessage(static_cast<Request>(99), {}));
    reason = "message 99 refused";
  }
  SUBCASE("an inflight region of queues that there aren't") {
    messageOf(Request::kSetInflightFd).buffer[16] = std::byte{0xff};
    reason = "SET_INFLIGHT_FD refused";
  }
  const size_t fds = test::openFds();
  const size_t given = 2 + [&] {
    size_t sum = 0;
    for (const auto& message : told) sum += message.fds.size();
    return sum;
  }();
  {
    const auto successor = succeed(fixture, std::move(state));
    CHECK(successor->waitForEvent(Kind::kDisconnected).text.starts_with(reason));
    CHECK(successor->waitForEvent(Kind::kStandsStill).demand == 0);
  }
  CHECK(test::openFds() == fds - given);
  // The first goes on as if nothing had been.
  fixture.attachment().resume();
  REQUIRE(*driver->flush() == VIRTIO_BLK_S_OK);
}

TEST_CASE("takeover, session: all that was told is told again") {
  test::FakeDevice device;
  test::SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  const EventFd kick, call, err;
  run.setUpRing(1);
  REQUIRE(run.front().setVringCall(1, call.get()).ok());
  REQUIRE(run.front().setVringErr(1, err.get()).ok());
  REQUIRE(run.front().setVringKick(1, kick.get()).ok());
  REQUIRE(run.front().setVringEnable(1, true).ok());
  run.setUpRing(3);
  device.setBase(77);

  const auto state = run.standStill();
  REQUIRE_MESSAGE(state.ok(), (state.ok() ? "" : state.error().message));
  std::vector<std::string> names;
  for (const auto& message : state->told)
    names.push_back(vhost_user::requestName(message.header.request) +
                    (message.fds.empty() ? "" : "+fd"));
  CHECK(names == std::vector<std::string>{
                     "SET_PROTOCOL_FEATURES", "SET_FEATURES", "ADD_MEM_REG+fd", "SET_VRING_NUM",
                     "SET_VRING_BASE", "SET_VRING_ADDR", "SET_VRING_CALL+fd", "SET_VRING_ERR+fd",
                     "SET_VRING_KICK+fd", "SET_VRING_ENABLE", "SET_VRING_NUM", "SET_VRING_ADDR"});
  CHECK(state->told[4].read<vhost_user::VringState>().value == 77);
}
