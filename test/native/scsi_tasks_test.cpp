#include <doctest/doctest.h>

#include <cstring>

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
using test::StuckWrite;

namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr uint8_t kRead10 = 0x28;
constexpr uint8_t kWrite10 = 0x2a;
constexpr uint8_t kComplete = VIRTIO_SCSI_S_OK;
const ScsiLun kLun = scsiLun(1, 0);
const CdbBytes kTestUnitReady(6);

ScsiDriver::Request submit(ScsiDriver& driver, const CdbBytes& cdb, uint64_t tag,
                           const ScsiLun& lun = kLun, uint16_t queue = 2, uint32_t size = 0) {
  auto request = driver.makeRequest(lun, cdb, size, false, tag);
  REQUIRE(request.ok());
  REQUIRE(driver.submit(*request, queue).ok());
  return *request;
}

uint8_t manage(ScsiDriver& driver, uint32_t subtype, const ScsiLun& lun = kLun, uint64_t tag = 0) {
  const auto response = driver.manageTask(subtype, lun, tag);
  REQUIRE_MESSAGE(response.ok(), (response.ok() ? "" : response.error().message));
  return *response;
}

/// The used element must be there already.
ScsiResult popNow(ScsiDriver& driver, const ScsiDriver::Request& request, uint16_t queue = 2) {
  const auto used = driver.queue(queue).ring().pop();
  REQUIRE(used.has_value());
  return driver.resultOf(request, used->writtenBytes);
}

}  // namespace

TEST_CASE("scsi tasks: ABORT TASK ends a command in the mailbox; its late answer is dropped") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto request = submit(*driver, kTestUnitReady, 42);
  const auto other = submit(*driver, kTestUnitReady, 43);
  const MailboxToken token = fixture.plane().next().token;
  const MailboxToken otherToken = fixture.plane().next().token;
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_ABORT_TASK, kLun, 42) == kComplete);
  CHECK(popNow(*driver, request).response == VIRTIO_SCSI_S_ABORTED);
  CHECK_FALSE(driver->queue(2).ring().hasUsed());
  CHECK_FALSE(fixture.plane().mailbox().complete(token, {.status = 2}));
  CHECK(fixture.plane().mailbox().complete(otherToken, {}));
  REQUIRE(driver->queue(2).popWait().ok());
  CHECK(driver->resultOf(other, 0).response == VIRTIO_SCSI_S_OK);
}

TEST_CASE("scsi tasks: ABORT TASK waits for the host's I/O, and its command is answered first") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  StuckWrite stuck(fixture.disk(), *driver, kLun, 7);
  const auto abort = driver->submitFunction(VIRTIO_SCSI_T_TMF_ABORT_TASK, kLun, 7);
  REQUIRE(abort.ok());
  // The request queue got the function when it has answered one that came later.
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_QUERY_TASK, kLun, 7) == VIRTIO_SCSI_S_FUNCTION_SUCCEEDED);
  CHECK_FALSE(driver->queue(0).ring().hasUsed());
  CHECK_FALSE(driver->queue(2).ring().hasUsed());
  // All else is served meanwhile.
  std::vector<std::byte> data(512);
  checkGood(driver->execute(kLun, blockCdb(kRead10, 8, 1), {}, data, 3));

  stuck.release();
  const auto used = driver->queue(0).popWait();
  REQUIRE(used.ok());
  CHECK(used->head == abort->head);
  CHECK(*abort->response == std::byte{kComplete});
  const ScsiResult result = popNow(*driver, stuck.request());
  CHECK(result.response == VIRTIO_SCSI_S_ABORTED);
  CHECK(result.residual == 1024);
}

TEST_CASE("scsi tasks: a function that only asks") {
  ScsiFixture fixture;
  REQUIRE(fixture.controller().addUnit(fixture.unit(1, 9)).ok());
  auto driver = fixture.driver();
  const auto queryAll = [&](const ScsiLun& lun) {
    return manage(*driver, VIRTIO_SCSI_T_TMF_QUERY_TASK_SET, lun);
  };
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_QUERY_TASK, kLun, 42) == kComplete);
  CHECK(queryAll(kLun) == kComplete);
  submit(*driver, kTestUnitReady, 42, kLun, 3);
  const MailboxMessage message = fixture.plane().next();
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_QUERY_TASK, kLun, 42) ==
        VIRTIO_SCSI_S_FUNCTION_SUCCEEDED);
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_QUERY_TASK, kLun, 43) == kComplete);
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_QUERY_TASK, scsiLun(1, 9), 42) == kComplete);
  CHECK(queryAll(kLun) == VIRTIO_SCSI_S_FUNCTION_SUCCEEDED);
  CHECK(queryAll(scsiLun(1, 9)) == kComplete);
  CHECK_FALSE(driver->queue(3).ring().hasUsed());
  CHECK(fixture.plane().mailbox().complete(message.token, {}));
  CHECK(driver->queue(3).popWait().ok());
}

TEST_CASE("scsi tasks: missing tags, absent places, functions that there are not") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_ABORT_TASK, kLun, 999) == kComplete);
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_ABORT_TASK_SET) == kComplete);
  for (const uint32_t subtype :
       {VIRTIO_SCSI_T_TMF_ABORT_TASK, VIRTIO_SCSI_T_TMF_ABORT_TASK_SET,
        VIRTIO_SCSI_T_TMF_CLEAR_TASK_SET, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET,
        VIRTIO_SCSI_T_TMF_QUERY_TASK, VIRTIO_SCSI_T_TMF_QUERY_TASK_SET}) {
    CHECK(manage(*driver, subtype, scsiLun(1, 1)) == VIRTIO_SCSI_S_INCORRECT_LUN);
    CHECK(manage(*driver, subtype, ScsiLun{1, 1, 0x80}) == VIRTIO_SCSI_S_INCORRECT_LUN);
    CHECK(manage(*driver, subtype, scsiLun(2, 0)) == VIRTIO_SCSI_S_BAD_TARGET);
    CHECK(manage(*driver, subtype, ScsiLun{0, 1}) == VIRTIO_SCSI_S_BAD_TARGET);
    CHECK(manage(*driver, subtype, ScsiLun{0xc1, 1}) == VIRTIO_SCSI_S_BAD_TARGET);
  }
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET, scsiLun(2, 0)) ==
        VIRTIO_SCSI_S_BAD_TARGET);
  for (const uint32_t subtype : {uint32_t{VIRTIO_SCSI_T_TMF_CLEAR_ACA}, 8u, 0xffffffffu})
    CHECK(manage(*driver, subtype) == VIRTIO_SCSI_S_FUNCTION_REJECTED);
  CHECK(fixture.plane().silent());
}

TEST_CASE("scsi tasks: sets end the commands of their logical unit on all queues, no others") {
  ScsiFixture fixture;
  REQUIRE(fixture.controller().addUnit(fixture.unit(1, 9)).ok());
  auto driver = fixture.driver();
  for (const uint32_t subtype :
       {VIRTIO_SCSI_T_TMF_ABORT_TASK_SET, VIRTIO_SCSI_T_TMF_CLEAR_TASK_SET}) {
    const auto first = submit(*driver, kTestUnitReady, 1, kLun, 2);
    const auto second = submit(*driver, kTestUnitReady, 2, kLun, 3);
    const auto other = submit(*driver, kTestUnitReady, 1, scsiLun(1, 9), 3);
    MailboxToken otherToken = 0;
    for (unsigned i = 0; i < 3; ++i)
      if (const MailboxMessage message = fixture.plane().next(); message.header.lun[3] == 9)
        otherToken = message.token;
    CHECK(manage(*driver, subtype) == kComplete);
    CHECK(popNow(*driver, first, 2).response == VIRTIO_SCSI_S_ABORTED);
    CHECK(popNow(*driver, second, 3).response == VIRTIO_SCSI_S_ABORTED);
    CHECK_FALSE(driver->queue(3).ring().hasUsed());
    CHECK(fixture.plane().mailbox().complete(otherToken, {}));
    REQUIRE(driver->queue(3).popWait().ok());
    CHECK(driver->resultOf(other, 0).response == VIRTIO_SCSI_S_OK);
  }
}

TEST_CASE("scsi tasks: a LOGICAL UNIT RESET ends its commands, and whoever must know knows first") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto waiting = submit(*driver, kTestUnitReady, 1, kLun, 3);
  fixture.plane().next();
  StuckWrite stuck(fixture.disk(), *driver, kLun, 2);
  const auto reset = driver->submitFunction(VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, kLun);
  REQUIRE(reset.ok());
  REQUIRE(driver->queue(3).popWait().ok());
  CHECK(driver->resultOf(waiting, 0).response == VIRTIO_SCSI_S_RESET);
  CHECK(fixture.plane().silent());  // the host's I/O hasn't ended

  stuck.release();
  const MailboxMessage message = fixture.plane().next();
  CHECK(message.header.kind == MailboxKind::kLogicalUnitReset);
  CHECK(message.header.target == 1);
  CHECK(std::equal(kLun.begin(), kLun.end(), message.header.lun.begin()));
  CHECK(popNow(*driver, stuck.request()).response == VIRTIO_SCSI_S_RESET);
  CHECK_FALSE(driver->queue(0).ring().hasUsed());

  CHECK(fixture.plane().mailbox().complete(message.token, {}));
  REQUIRE(driver->queue(0).popWait().ok());
  CHECK(*reset->response == std::byte{kComplete});
}

TEST_CASE("scsi tasks: an I_T NEXUS RESET ends the commands of all LUNs of a target, no others") {
  ScsiFixture fixture;
  REQUIRE(fixture.controller().addUnit(fixture.unit(1, 9)).ok());
  REQUIRE(fixture.controller().addUnit(fixture.unit(5, 0)).ok());
  auto driver = fixture.driver();
  const auto first = submit(*driver, kTestUnitReady, 1, kLun);
  const auto second = submit(*driver, kTestUnitReady, 2, scsiLun(1, 9));
  const auto absent = submit(*driver, kTestUnitReady, 3, scsiLun(1, 77));
  const auto other = submit(*driver, kTestUnitReady, 4, scsiLun(5, 0));
  for (unsigned i = 0; i < 4; ++i) fixture.plane().next();
  uint8_t response = 0xff;
  const auto message = fixture.whileAnswering(
      {}, [&] { response = manage(*driver, VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET, scsiLun(1, 77)); });
  CHECK(response == kComplete);
  CHECK(message.header.kind == MailboxKind::kNexusReset);
  for (const auto& request : {first, second, absent})
    CHECK(popNow(*driver, request).response == VIRTIO_SCSI_S_RESET);
  CHECK_FALSE(driver->queue(2).ring().hasUsed());
  CHECK(driver->resultOf(other, 0).response == ScsiDriver::kNoResponse);
}

TEST_CASE("scsi tasks: a reset that nobody hears of fails, in time") {
  ScsiFixture fixture({.mailbox = {.slots = 1, .commandTimeout = 20 * kMillisecond}});
  auto driver = fixture.driver();
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET) == VIRTIO_SCSI_S_FAILURE);
}

TEST_CASE("scsi tasks: what still lies in the ring is aborted too, before it begins") {
  ScsiFixture fixture({.mailbox = {.slots = Mailbox::kSlotsMax}});
  auto driver = fixture.driver({.numQueues = 4, .queueSize = 1024});
  // They take all of the queue's slots, so what follows stays in the ring.
  constexpr unsigned kSlots = 256;
  for (unsigned i = 0; i < kSlots; ++i) submit(*driver, kTestUnitReady, 1000 + i);
  std::vector<MailboxToken> tokens;
  for (unsigned i = 0; i < kSlots; ++i) tokens.push_back(fixture.plane().next().token);
  const auto write = submit(*driver, blockCdb(kWrite10, 0, 1), 7, kLun, 2, 512);
  std::memset(driver->dataOf(write).data(), 0x55, 512);

  const auto abort = driver->submitFunction(VIRTIO_SCSI_T_TMF_ABORT_TASK, kLun, 7);
  REQUIRE(abort.ok());
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_QUERY_TASK, kLun, 1000) ==
        VIRTIO_SCSI_S_FUNCTION_SUCCEEDED);
  CHECK_FALSE(driver->queue(0).ring().hasUsed());
  // Sent after the function: it is a new command, even with the same tag.
  const auto later = submit(*driver, blockCdb(kRead10, 0, 0), 7);
  for (const MailboxToken token : tokens) CHECK(fixture.plane().mailbox().complete(token, {}));
  const auto used = driver->queue(0).popWait();
  REQUIRE(used.ok());
  CHECK(used->head == abort->head);
  CHECK(driver->resultOf(write, 0).response == VIRTIO_SCSI_S_ABORTED);
  for (unsigned i = 0; i < kSlots + 2; ++i) REQUIRE(driver->queue(2).popWait().ok());
  CHECK(driver->resultOf(later, 0).response == VIRTIO_SCSI_S_OK);
  CHECK(fixture.total(&virtio::QueueCounters::writtenBytes) == 0);
}

TEST_CASE("scsi tasks: rings stop and drivers leave while functions wait") {
  ScsiFixture fixture({.stopTimeout = 10 * kMillisecond});
  {
    auto driver = fixture.driver();
    StuckWrite stuck(fixture.disk(), *driver, kLun, 7);
    REQUIRE(driver->submitFunction(VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, kLun).ok());
    CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_QUERY_TASK, kLun, 7) ==
          VIRTIO_SCSI_S_FUNCTION_SUCCEEDED);
    std::thread releasing([&] { stuck.release(); });
    SUBCASE("the request queue stops") {
      CHECK(driver->queue(2).stop(driver->connection()).ok());
      CHECK(popNow(*driver, stuck.request()).response == VIRTIO_SCSI_S_RESET);
    }
    SUBCASE("the control queue stops: the function ends within the time a stop may take") {
      CHECK(driver->queue(0).stop(driver->connection()).ok());
      CHECK(driver->queue(0).ring().hasUsed());
    }
    SUBCASE("the driver leaves") {}
    releasing.join();
  }
  auto driver = fixture.driver();
  std::vector<std::byte> data(512);
  checkGood(driver->execute(kLun, blockCdb(kRead10, 8, 1), {}, data));
}

TEST_CASE("scsi tasks: with no request queue running there is nothing to end") {
  ScsiFixture fixture;
  auto driver = fixture.driver({.numQueues = 2});
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_ABORT_TASK_SET) == kComplete);
}

TEST_CASE("scsi tasks: control requests of every wrong form") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  using frontend::Buffer;
  auto area = driver->memory().allocate(4096, 64);
  REQUIRE(area.ok());
  std::byte* host = driver->memory().hostAddr(*area, 4096);
  const auto send = [&](uint32_t type, uint32_t readable, uint32_t writable) {
    std::memset(host, 0, 4096);
    std::memcpy(host, &type, sizeof type);
    const ScsiLun& lun = kLun;
    std::memcpy(host + (type == VIRTIO_SCSI_T_TMF ? 8 : 4), lun.data(), lun.size());
    std::memset(host + 64, 0xee, 64);
    std::vector<Buffer> chain{{*area, readable, false}};
    if (writable > 0) chain.push_back({*area + 64, writable, true});
    const auto used = driver->submitAndWait(chain, 0);
    REQUIRE(used.ok());
    return used->writtenBytes;
  };
  CHECK(send(VIRTIO_SCSI_T_TMF, 24, 0) == 0);
  CHECK(send(VIRTIO_SCSI_T_TMF, 23, 1) == 0);
  CHECK(send(VIRTIO_SCSI_T_TMF, 3, 1) == 0);
  CHECK(send(99, 24, 5) == 0);
  CHECK(host[64] == std::byte{0xee});
  CHECK(send(VIRTIO_SCSI_T_AN_QUERY, 15, 5) == 0);
  CHECK(send(VIRTIO_SCSI_T_AN_QUERY, 16, 4) == 0);
  for (const uint32_t type : {VIRTIO_SCSI_T_AN_QUERY, VIRTIO_SCSI_T_AN_SUBSCRIBE}) {
    CHECK(send(type, 16, 5) == 5);
    const std::byte answer[5] = {};  // no event of any kind, OK
    CHECK(std::memcmp(host + 64, answer, 5) == 0);
  }
  CHECK(manage(*driver, VIRTIO_SCSI_T_TMF_QUERY_TASK) == kComplete);
}

TEST_CASE("scsi tasks: the next guest waits until the nexus of the last one is lost to all") {
  ScsiFixture fixture({.disconnectionIsHeard = true});
  for (int guest = 0; guest < 2; ++guest) {
    fixture.driver().reset();
    fixture.waitForEvent(AttachmentEvent::Kind::kDisconnected);
    auto next = frontend::MessageSocket::connect(fixture.socketPath());
    REQUIRE(next.ok());
    REQUIRE(next->send(uint32_t(frontend::Request::kGetFeatures), frontend::kVersion, {}).ok());
    next->setTimeout(std::chrono::milliseconds(100));
    CHECK(next->receive().error().code == ETIMEDOUT);
    fixture.attachment().heardOfDisconnection();
    next->setTimeout(frontend::MessageSocket::kDefaultTimeout);
    CHECK(next->receive().ok());
    next->close();
    fixture.waitForEvent(AttachmentEvent::Kind::kDisconnected);
    if (guest == 0) fixture.attachment().heardOfDisconnection();
  }
  // Nobody hears of the last one: the end doesn't wait for that.
}
