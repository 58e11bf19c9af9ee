#include <doctest/doctest.h>

#include <cstring>
#include <future>

#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"
#include "support/stuck_write.h"

using namespace holdfast;
using frontend::ScsiDriver;
using frontend::ScsiLun;
using frontend::scsiLun;
using frontend::ScsiResult;
using test::blockCdb;
using test::CdbBytes;
using test::checkGood;
using test::pattern;
using test::ScsiFixture;

namespace {

constexpr uint8_t kRead10 = 0x28;
constexpr uint8_t kWrite10 = 0x2a;
const ScsiLun kLun = scsiLun(1, 0);

void checkEvent(ScsiDriver& driver, uint32_t type, const ScsiLun& lun, uint32_t reason) {
  const auto event = driver.nextEvent();
  REQUIRE_MESSAGE(event.ok(), (event.ok() ? "" : event.error().message));
  CHECK(uint32_t{event->event} == type);
  CHECK(uint32_t{event->reason} == reason);
  CHECK(std::equal(lun.begin(), lun.end(), event->lun));
}

uint8_t responseOf(ScsiDriver& driver, const ScsiLun& lun, uint16_t queue = 2) {
  std::vector<std::byte> data(512);
  const auto result = driver.execute(lun, blockCdb(kRead10, 0, 1), {}, data, queue);
  REQUIRE(result.ok());
  return result->response;
}

void drop(scsi::ScsiController& controller, uint8_t target, uint16_t lun) {
  std::promise<void> released;
  REQUIRE(controller.removeUnit(target, lun, [&] { released.set_value(); }).ok());
  released.get_future().wait();
}

}  // namespace

TEST_CASE("scsi units: each has its own disk; places end at the table's bounds") {
  ScsiFixture fixture;
  scsi::ScsiController& controller = fixture.controller();
  test::TemporaryImage image(ScsiFixture::kSize);
  auto second = fixture.unit(1, 300);
  second.disk = fixture.openDisk(image);
  REQUIRE(controller.addUnit(second).ok());
  auto driver = fixture.driver();
  const auto one = pattern(512, 1), two = pattern(512, 2);
  checkGood(driver->execute(kLun, blockCdb(kWrite10, 0, 1), one));
  checkGood(driver->execute(scsiLun(1, 300), blockCdb(kWrite10, 0, 1), two));
  std::vector<std::byte> back(512);
  checkGood(driver->execute(kLun, blockCdb(kRead10, 0, 1), {}, back));
  CHECK(back == one);
  checkGood(driver->execute(scsiLun(1, 300), blockCdb(kRead10, 0, 1), {}, back, 3));
  CHECK(back == two);

  CHECK(controller.addUnit(fixture.unit(1, 300)).error().code == EEXIST);
  CHECK(controller.addUnit(fixture.unit(1, 16384)).error().code == EINVAL);
  for (uint16_t lun = 1; lun < 255; ++lun) REQUIRE(controller.addUnit(fixture.unit(2, lun)).ok());
  CHECK(controller.addUnit(fixture.unit(255, 16383)).error().code == ENOSPC);
  drop(controller, 2, 1);
  CHECK(controller.addUnit(fixture.unit(255, 16383)).ok());
  CHECK(responseOf(*driver, scsiLun(255, 16383)) == VIRTIO_SCSI_S_OK);
  CHECK(controller.removeUnit(2, 1, [] {}).error().code == ENOENT);
  CHECK(controller.capacityChanged(2, 1).error().code == ENOENT);
}

TEST_CASE("scsi units: added and removed while the guest runs, with an event for each") {
  ScsiFixture fixture;
  scsi::ScsiController& controller = fixture.controller();
  auto driver = fixture.driver();
  REQUIRE(driver->offerEventBuffers(4).ok());
  CHECK(responseOf(*driver, scsiLun(3, 2)) == VIRTIO_SCSI_S_BAD_TARGET);

  REQUIRE(controller.addUnit(fixture.unit(3, 2)).ok());
  checkEvent(*driver, VIRTIO_SCSI_T_TRANSPORT_RESET, {1, 3, 0, 2}, VIRTIO_SCSI_EVT_RESET_RESCAN);
  CHECK(responseOf(*driver, scsiLun(3, 2)) == VIRTIO_SCSI_S_OK);
  CHECK(responseOf(*driver, scsiLun(3, 2), 3) == VIRTIO_SCSI_S_OK);
  REQUIRE(controller.addUnit(fixture.unit(3, 600)).ok());
  checkEvent(*driver, VIRTIO_SCSI_T_TRANSPORT_RESET, scsiLun(3, 600), VIRTIO_SCSI_EVT_RESET_RESCAN);

  drop(controller, 3, 2);
  checkEvent(*driver, VIRTIO_SCSI_T_TRANSPORT_RESET, {1, 3, 0, 2}, VIRTIO_SCSI_EVT_RESET_REMOVED);
  drop(controller, 3, 600);
  checkEvent(*driver, VIRTIO_SCSI_T_TRANSPORT_RESET, scsiLun(3, 600),
             VIRTIO_SCSI_EVT_RESET_REMOVED);
  CHECK(responseOf(*driver, scsiLun(3, 2)) == VIRTIO_SCSI_S_BAD_TARGET);
  CHECK(responseOf(*driver, kLun) == VIRTIO_SCSI_S_OK);
}

TEST_CASE("scsi units: a removed disk is let go when its last request has ended") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  test::TemporaryImage image(ScsiFixture::kSize);
  auto unit = fixture.unit(4, 0);
  unit.disk = fixture.openDisk(image);
  std::weak_ptr<Disk> disk = unit.disk;
  Disk& held = *unit.disk;
  REQUIRE(fixture.controller().addUnit(std::move(unit)).ok());
  test::StuckWrite stuck(held, *driver, scsiLun(4, 0));

  std::promise<void> promise;
  auto released = promise.get_future();
  REQUIRE(fixture.controller().removeUnit(4, 0, [&] { promise.set_value(); }).ok());
  // The queue has followed when it no longer finds the place.
  CHECK(responseOf(*driver, scsiLun(4, 0)) == VIRTIO_SCSI_S_BAD_TARGET);
  CHECK(released.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  stuck.release();
  released.wait();
  CHECK(disk.expired());
  REQUIRE(driver->queue(2).popWait().ok());
  CHECK(driver->resultOf(stuck.request(), 0).response == VIRTIO_SCSI_S_OK);
}

TEST_CASE("scsi units: a place that changes its disk again and again never gets the wrong one") {
  for (const EngineKind engine : {EngineKind::kIoUring, EngineKind::kLibaio}) {
    ScsiFixture fixture({.engine = engine, .anyEngine = false});
    auto driver = fixture.driver();
    test::TemporaryImage images[2] = {test::TemporaryImage(ScsiFixture::kSize),
                                      test::TemporaryImage(ScsiFixture::kSize)};
    std::atomic<bool> quit{false};
    // The other queue of the same worker or the other worker never rests.
    auto request = driver->makeRequest(kLun, blockCdb(kRead10, 0, 1), 512, true);
    REQUIRE(request.ok());
    std::thread reading([&] {
      while (!quit.load()) REQUIRE(driver->submitAndWait(ScsiDriver::chainOf(*request), 3).ok());
    });
    for (unsigned round = 0; round < 50; ++round) {
      auto unit = fixture.unit(4, 0);
      unit.disk = fixture.openDisk(images[round % 2]);
      REQUIRE(fixture.controller().addUnit(std::move(unit)).ok());
      const auto mark = pattern(512, round % 2);
      std::vector<std::byte> back(512);
      if (round >= 2) {
        checkGood(driver->execute(scsiLun(4, 0), blockCdb(kRead10, 5, 1), {}, back));
        CHECK(back == mark);
      }
      checkGood(driver->execute(scsiLun(4, 0), blockCdb(kWrite10, 5, 1), mark));
      drop(fixture.controller(), 4, 0);
    }
    quit.store(true);
    reading.join();
  }
}

TEST_CASE("scsi units: a stopped ring holds no disk") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  REQUIRE(fixture.controller().addUnit(fixture.unit(4, 0)).ok());
  CHECK(responseOf(*driver, scsiLun(4, 0)) == VIRTIO_SCSI_S_OK);
  REQUIRE(driver->queue(2).stop(driver->connection()).ok());
  REQUIRE(driver->queue(3).stop(driver->connection()).ok());
  bool released = false;
  REQUIRE(fixture.controller().removeUnit(4, 0, [&] { released = true; }).ok());
  CHECK(released);
}

TEST_CASE("scsi events: buffers stay in the ring until there is something to tell") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  REQUIRE(driver->offerEventBuffers(3).ok());
  CHECK(responseOf(*driver, kLun) == VIRTIO_SCSI_S_OK);
  const auto base = driver->queue(1).stop(driver->connection());
  REQUIRE(base.ok());
  CHECK(*base == 0);
  CHECK_FALSE(driver->queue(1).ring().hasUsed());
  REQUIRE(driver->queue(1).start(driver->connection()).ok());
  REQUIRE(fixture.controller().capacityChanged(1, 0).ok());
  checkEvent(*driver, VIRTIO_SCSI_T_PARAM_CHANGE, {1, 1}, 0x092a);
}

TEST_CASE("scsi events: without a buffer they are missed, and the next one says so") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  REQUIRE(fixture.controller().addUnit(fixture.unit(3, 0)).ok());
  CHECK(responseOf(*driver, scsiLun(3, 0)) == VIRTIO_SCSI_S_OK);
  const auto missed = static_cast<uint32_t>(VIRTIO_SCSI_T_EVENTS_MISSED);
  SUBCASE("the driver offers buffers: it hears at once") {
    // The event queue has seen that there was none: its worker has served another ring since.
    CHECK(driver->manageTask(VIRTIO_SCSI_T_TMF_QUERY_TASK, kLun).ok());
    REQUIRE(driver->offerEventBuffers(2).ok());
    const auto event = driver->nextEvent();
    REQUIRE(event.ok());
    CHECK((uint32_t{event->event} & missed) != 0);
  }
  SUBCASE("more events than are kept") {
    for (unsigned i = 0; i < 40; ++i) REQUIRE(fixture.controller().capacityChanged(1, 0).ok());
    REQUIRE(driver->offerEventBuffers(64).ok());
    const auto event = driver->nextEvent();
    REQUIRE(event.ok());
    CHECK((uint32_t{event->event} & missed) != 0);
  }
}

TEST_CASE("scsi events: what happened while the event queue was stopped counts as missed") {
  ScsiFixture fixture;
  {
    auto driver = fixture.driver();
    CHECK(responseOf(*driver, kLun) == VIRTIO_SCSI_S_OK);
  }
  // The driver before is gone when the next one is served.
  {
    auto driver = fixture.driver({.numQueues = 1});
  }
  REQUIRE(fixture.controller().addUnit(fixture.unit(3, 0)).ok());
  auto driver = fixture.driver();
  REQUIRE(driver->offerEventBuffers(2).ok());
  checkEvent(*driver, VIRTIO_SCSI_T_NO_EVENT | VIRTIO_SCSI_T_EVENTS_MISSED, {}, 0);
  REQUIRE(fixture.controller().addUnit(fixture.unit(3, 1)).ok());
  checkEvent(*driver, VIRTIO_SCSI_T_TRANSPORT_RESET, {1, 3, 0, 1}, VIRTIO_SCSI_EVT_RESET_RESCAN);
}

TEST_CASE("scsi events: a first driver has missed nothing") {
  ScsiFixture fixture;
  REQUIRE(fixture.controller().addUnit(fixture.unit(3, 0)).ok());
  auto driver = fixture.driver();
  REQUIRE(driver->offerEventBuffers(2).ok());
  REQUIRE(fixture.controller().addUnit(fixture.unit(3, 1)).ok());
  checkEvent(*driver, VIRTIO_SCSI_T_TRANSPORT_RESET, {1, 3, 0, 1}, VIRTIO_SCSI_EVT_RESET_RESCAN);
}

TEST_CASE("scsi events: only kinds that were negotiated; with HOTPLUG alone changes too") {
  ScsiFixture fixture;
  constexpr uint64_t kHotplug = 1ULL << VIRTIO_SCSI_F_HOTPLUG;
  constexpr uint64_t kChange = 1ULL << VIRTIO_SCSI_F_CHANGE;
  {
    auto driver = fixture.driver({.numQueues = 4, .features = ~kHotplug});
    REQUIRE(driver->offerEventBuffers(2).ok());
    REQUIRE(fixture.controller().addUnit(fixture.unit(3, 0)).ok());
    REQUIRE(fixture.controller().capacityChanged(1, 0).ok());
    checkEvent(*driver, VIRTIO_SCSI_T_PARAM_CHANGE, {1, 1}, 0x092a);
  }
  {
    auto driver = fixture.driver({.numQueues = 4, .features = ~kChange});
    REQUIRE(driver->offerEventBuffers(2).ok());
    REQUIRE(fixture.controller().capacityChanged(1, 0).ok());
    checkEvent(*driver, VIRTIO_SCSI_T_PARAM_CHANGE, {1, 1}, 0x092a);
  }
  auto driver = fixture.driver({.numQueues = 4, .features = ~(kChange | kHotplug)});
  REQUIRE(driver->offerEventBuffers(2).ok());
  REQUIRE(fixture.controller().capacityChanged(1, 0).ok());
  REQUIRE(fixture.controller().addUnit(fixture.unit(3, 1)).ok());
  const auto base = driver->queue(1).stop(driver->connection());
  REQUIRE(base.ok());
  CHECK(*base == 0);
}

TEST_CASE("scsi events: buffers that are too short come back unused, the event waits") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  auto area = driver->memory().allocate(16, 16);
  REQUIRE(area.ok());
  const frontend::Buffer tooShort[] = {{*area, 15, true}};
  const auto head = driver->queue(1).ring().add(tooShort);
  REQUIRE(head.has_value());
  driver->queue(1).publish();
  REQUIRE(driver->offerEventBuffers(1).ok());
  REQUIRE(fixture.controller().capacityChanged(1, 0).ok());
  const auto used = driver->queue(1).popWait();
  REQUIRE(used.ok());
  CHECK(used->head == *head);
  CHECK(used->writtenBytes == 0);
  checkEvent(*driver, VIRTIO_SCSI_T_PARAM_CHANGE, {1, 1}, 0x092a);
}

TEST_CASE("scsi controller: features, queues; a config space only where asked for") {
  {
    ScsiFixture fixture;
    auto driver = fixture.driver();
    CHECK(driver->hasFeature(VIRTIO_SCSI_F_HOTPLUG));
    CHECK(driver->hasFeature(VIRTIO_SCSI_F_CHANGE));
    CHECK_FALSE(driver->hasFeature(VIRTIO_SCSI_F_INOUT));
    CHECK_FALSE(driver->hasFeature(VIRTIO_SCSI_F_T10_PI));
    CHECK((driver->protocolFeatures() & frontend::protocol_feature::kConfig) == 0);
    CHECK_FALSE(driver->config().ok());
  }
  ScsiFixture fixture({.requestQueues = 3, .config = true});
  auto driver = fixture.driver();
  const auto config = driver->config();
  REQUIRE(config.ok());
  CHECK(uint32_t{config->num_queues} == 3);
  CHECK(uint32_t{config->seg_max} == 126);
  CHECK(uint32_t{config->event_info_size} == 16);
  CHECK(uint32_t{config->sense_size} == 96);
  CHECK(uint32_t{config->cdb_size} == 32);
  CHECK(uint16_t{config->max_channel} == 0);
  CHECK(uint16_t{config->max_target} == 255);
  CHECK(uint32_t{config->max_lun} == 16383);

  driver->connection().setAskForReplies(true);
  const auto write = [&](uint32_t offset, uint32_t value, size_t size = 4) {
    std::byte bytes[8] = {};
    std::memcpy(bytes, &value, sizeof value);
    return driver->connection().setConfig(offset, {bytes, size}).ok();
  };
  CHECK(write(20, 96));
  CHECK(write(24, 32));
  CHECK_FALSE(write(20, 252));
  CHECK_FALSE(write(24, 16));
  CHECK_FALSE(write(24, 32, 2));
  CHECK_FALSE(write(0, 3));
  CHECK_FALSE(write(32, 1));
  CHECK(responseOf(*driver, kLun, 4) == VIRTIO_SCSI_S_OK);
}

TEST_CASE("scsi controller: without any disk it answers, and disks of all engines may follow") {
  ScsiFixture fixture;
  drop(fixture.controller(), 1, 0);
  auto driver = fixture.driver();
  CHECK(responseOf(*driver, kLun) == VIRTIO_SCSI_S_BAD_TARGET);
  REQUIRE(fixture.controller().addUnit(fixture.unit(1, 0)).ok());
  CHECK(responseOf(*driver, kLun) == VIRTIO_SCSI_S_OK);
}
