#include "core/device/admission.h"

#include <doctest/doctest.h>
#include <poll.h>

#include "support/blk_fixture.h"
#include "support/flush_request.h"
#include "support/migrating_memory.h"

using namespace holdfast;
using test::BlkFixture;
using test::MigratingMemory;
using Kind = AttachmentEvent::Kind;

namespace {

constexpr uint8_t kOk = VIRTIO_BLK_S_OK;

/// Puts a flush into the ring; returns its status byte.
const std::byte* submitFlush(frontend::BlkDriver& driver) {
  const auto request = test::addFlush(driver);
  driver.queue(0).publish();
  return driver.memory().hostAddr(request.status.guestAddr);
}

}  // namespace

TEST_CASE("admission: each demand has its own answer") {
  Admission admission(false);
  CHECK_FALSE(admission.open());
  const uint64_t first = admission.ringStarted();
  CHECK(first != 0);
  CHECK(admission.ringStarted() == 0);  // one demand for all rings
  CHECK_FALSE(admission.ringStopped(false));
  CHECK(admission.ringStopped(false));
  CHECK_FALSE(admission.admit(first));
  CHECK_FALSE(admission.open());

  const uint64_t second = admission.ringStarted();
  CHECK(second != first);
  CHECK_FALSE(admission.admit(first));
  CHECK(admission.admit(second));
  CHECK(admission.open());
  CHECK_FALSE(admission.admit(second));
}

TEST_CASE("admission: a pause keeps it, a front end that leaves gives it up with its last ring") {
  Admission admission(true);
  CHECK(admission.ringStarted() == 0);
  CHECK(admission.ringStarted() == 0);
  CHECK_FALSE(admission.ringStopped(true));
  CHECK(admission.open());
  CHECK_FALSE(admission.ringStopped(false));
  CHECK(admission.open());
  CHECK(admission.ringStarted() == 0);
  CHECK(admission.ringStopped(true));
  CHECK_FALSE(admission.open());
  CHECK(admission.ringStarted() != 0);
}

TEST_CASE("admission: it can be withdrawn while no ring is started") {
  Admission admission(true);
  CHECK(admission.ringStarted() == 0);
  CHECK_FALSE(admission.withdraw());
  CHECK(admission.open());
  CHECK_FALSE(admission.ringStopped(false));
  CHECK(admission.withdraw());
  CHECK_FALSE(admission.open());
  CHECK(admission.ringStarted() != 0);
}

TEST_CASE("admission: what waits in the ring is served when its demand is answered") {
  for (const EngineKind engine : {EngineKind::kIoUring, EngineKind::kLibaio, EngineKind::kSync}) {
    BlkFixture fixture({.engine = engine, .anyEngine = false, .admitted = false});
    auto driver = fixture.driver();
    const AttachmentEvent wanted = fixture.waitForEvent(Kind::kDisksWanted);
    const std::byte* status = submitFlush(*driver);
    REQUIRE(driver->connection().getFeatures().ok());
    CHECK(*status == std::byte{frontend::BlkDriver::kNoStatus});
    CHECK(fixture.total(&virtio::QueueCounters::started) == 0);

    CHECK_FALSE(fixture.attachment().admit(wanted.demand + 1));
    CHECK(fixture.attachment().admit(wanted.demand));
    REQUIRE(driver->queue(0).popWait().ok());
    CHECK(*status == std::byte{kOk});
  }
}

TEST_CASE("admission: rings that wait can be stopped, and their base is where it was") {
  BlkFixture fixture({.admitted = false});
  auto driver = fixture.driver();
  const AttachmentEvent wanted = fixture.waitForEvent(Kind::kDisksWanted);
  submitFlush(*driver);
  const auto base = driver->queue(0).stop(driver->connection());
  REQUIRE(base.ok());
  CHECK(*base == 0);
  fixture.waitForEvent(Kind::kDisksLeft);
  CHECK_FALSE(fixture.attachment().admit(wanted.demand));

  REQUIRE(driver->queue(0).start(driver->connection()).ok());
  CHECK(fixture.attachment().admit(fixture.waitForEvent(Kind::kDisksWanted).demand));
  REQUIRE(driver->queue(0).popWait().ok());
}

TEST_CASE("admission: migration gives it up, and a cancelled one asks for it again") {
  BlkFixture fixture;
  auto driver = fixture.driver();
  MigratingMemory memory(*driver);
  std::vector<std::byte> data(512);
  REQUIRE(*driver->read(0, data) == kOk);
  memory.begin();
  REQUIRE(*driver->read(0, data) == kOk);
  REQUIRE(driver->queue(0).stop(driver->connection()).ok());
  fixture.waitForEvent(Kind::kDisksLeft);
  memory.end();
  REQUIRE(driver->queue(0).start(driver->connection()).ok());
  const AttachmentEvent wanted = fixture.waitForEvent(Kind::kDisksWanted);
  const std::byte* status = submitFlush(*driver);
  REQUIRE(driver->connection().getFeatures().ok());
  CHECK(*status == std::byte{frontend::BlkDriver::kNoStatus});
  CHECK(fixture.attachment().admit(wanted.demand));
  REQUIRE(driver->queue(0).popWait().ok());
  CHECK(*status == std::byte{kOk});
}

TEST_CASE("admission: neither a pause nor a lost connection gives it up") {
  BlkFixture fixture;
  {
    auto driver = fixture.driver();
    REQUIRE(driver->queue(0).stop(driver->connection()).ok());
    REQUIRE(driver->queue(0).start(driver->connection()).ok());
    std::vector<std::byte> data(512);
    CHECK(*driver->read(0, data) == kOk);
    MigratingMemory memory(*driver);
    memory.begin();
    CHECK_FALSE(fixture.attachment().withdraw());
  }
  fixture.waitFor(Kind::kDisconnected);
  auto driver = fixture.driver();
  std::vector<std::byte> data(512);
  CHECK(*driver->read(0, data) == kOk);
}
