#include <doctest/doctest.h>

#include <cstring>
#include <future>

#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"

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

constexpr int64_t kMillisecond = 1'000'000;
constexpr uint8_t kRead10 = 0x28;
constexpr uint8_t kWrite10 = 0x2a;
constexpr uint8_t kBusy = 0x08;
constexpr uint8_t kTaskSetFull = 0x28;
const ScsiLun kLun = scsiLun(1, 0);
const CdbBytes kInquiry{0x12, 0, 0, 0, 96, 0};
const CdbBytes kTestUnitReady(6);

ScsiResult popResult(ScsiDriver& driver, const ScsiDriver::Request& request, uint16_t queue = 2) {
  const auto used = driver.queue(queue).popWait();
  REQUIRE_MESSAGE(used.ok(), (used.ok() ? "" : used.error().message));
  return driver.resultOf(request, used->writtenBytes);
}

ScsiDriver::Request submit(ScsiDriver& driver, const CdbBytes& cdb, uint32_t size = 0,
                           bool writable = true) {
  auto request = driver.makeRequest(kLun, cdb, size, writable);
  REQUIRE(request.ok());
  REQUIRE(driver.submit(*request).ok());
  return *request;
}

}  // namespace

TEST_CASE("scsi mailbox: data in, residual and used length; what doesn't fit overruns") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto reply = pattern(36, 1);
  for (const uint32_t room : {0u, 1u, 35u, 36u, 37u, 255u}) {
    CAPTURE(room);
    std::vector<std::byte> data(room, std::byte{0xaa});
    Result<ScsiResult> result{Error{}};
    fixture.whileAnswering({.status = 0, .dataIn = reply},
                           [&] { result = driver->execute(kLun, kInquiry, {}, data); });
    REQUIRE(result.ok());
    const size_t given = std::min<size_t>(room, 36);
    CHECK(result->response == (room < 36 ? VIRTIO_SCSI_S_OVERRUN : VIRTIO_SCSI_S_OK));
    CHECK(result->residual == room - given);
    CHECK(result->writtenBytes == 108 + given);
    CHECK(std::equal(data.begin(), data.begin() + given, reply.begin()));
    for (size_t i = given; i < room; ++i) CHECK(data[i] == std::byte{0xaa});
  }
}

TEST_CASE("scsi mailbox: data out counts as taken if the command succeeds, else not at all") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  for (const auto& [status, size, residual] : std::vector<std::tuple<uint8_t, uint32_t, uint32_t>>{
           {0, 24, 0}, {2, 24, 24}, {0x18, 24, 24}, {0, 10000, 10000 - 8192}}) {
    Result<ScsiResult> result{Error{}};
    const auto message = fixture.whileAnswering({.status = status}, [&, sent = size] {
      result = driver->execute(kLun, {{0x5f}}, std::vector<std::byte>(sent));
    });
    CHECK(message.dataOut.size() == std::min<size_t>(size, 8192));
    REQUIRE(result.ok());
    CHECK(result->response == VIRTIO_SCSI_S_OK);
    CHECK(result->status == status);
    CHECK(result->residual == residual);
  }
}

TEST_CASE("scsi mailbox: sense of 0, 18, 96 and 252 bytes") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  for (const size_t size : {0, 18, 96, 252}) {
    Result<ScsiResult> result{Error{}};
    fixture.whileAnswering({.status = 2, .sense = std::vector<std::byte>(size, std::byte{5})},
                           [&] { result = driver->execute(kLun, kTestUnitReady); });
    REQUIRE(result.ok());
    CHECK(result->sense == std::vector<uint8_t>(std::min<size_t>(size, 96), 5));
  }
}

TEST_CASE("scsi mailbox: full: TASK SET FULL, block commands go on, and it recovers") {
  ScsiFixture fixture({.mailbox = {.slots = 4}});
  auto driver = fixture.driver();
  std::vector<ScsiDriver::Request> waiting;
  for (unsigned i = 0; i < 4; ++i) waiting.push_back(submit(*driver, kTestUnitReady));
  const ScsiResult refused = popResult(*driver, submit(*driver, kTestUnitReady));
  CHECK(refused.response == VIRTIO_SCSI_S_OK);
  CHECK(refused.status == kTaskSetFull);
  std::vector<std::byte> data(512);
  checkGood(driver->execute(kLun, blockCdb(kRead10, 0, 1), {}, data, 3));

  for (unsigned i = 0; i < 4; ++i)
    CHECK(fixture.plane().mailbox().complete(fixture.plane().next().token, {}));
  for (unsigned i = 0; i < 4; ++i) REQUIRE(driver->queue(2).popWait().ok());
  for (const auto& request : waiting) CHECK(driver->resultOf(request, 0).status == 0);
  fixture.whileAnswering({}, [&] { checkGood(driver->execute(kLun, kTestUnitReady)); });
}

TEST_CASE("scsi mailbox: a control plane that has died hangs no guest: 0B/08/01") {
  ScsiFixture fixture({.mailbox = {.commandTimeout = 20 * kMillisecond}});
  auto driver = fixture.driver();
  std::vector<std::byte> data(96);
  const auto result = driver->execute(kLun, kInquiry, {}, data);
  REQUIRE(result.ok());
  CHECK(result->status == 2);
  CHECK(result->senseCode() == 0x0b0801);
  CHECK(result->residual == 96);
  // It wakes up too late: it took a command, and answers when that has timed out.
  auto taken = std::async(std::launch::async, [&] { return fixture.plane().next().token; });
  do {
    CHECK(popResult(*driver, submit(*driver, kTestUnitReady)).senseCode() == 0x0b0801);
  } while (taken.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  CHECK_FALSE(fixture.plane().mailbox().complete(taken.get(), {}));
}

TEST_CASE("scsi mailbox: GET_VRING_BASE waits for an answer, and ends the rest with BUSY") {
  ScsiFixture fixture({.stopTimeout = 30 * kMillisecond});
  auto driver = fixture.driver();
  const auto request = submit(*driver, kInquiry, 96);
  const MailboxMessage message = fixture.plane().next();
  const auto base = driver->queue(2).stop(driver->connection());
  REQUIRE(base.ok());
  CHECK(*base == 1);
  CHECK(popResult(*driver, request).status == kBusy);
  CHECK_FALSE(fixture.plane().mailbox().complete(message.token, {}));
  REQUIRE(driver->queue(2).start(driver->connection()).ok());
  std::vector<std::byte> data(512);
  checkGood(driver->execute(kLun, blockCdb(kRead10, 0, 1), {}, data));
}

TEST_CASE("scsi mailbox: an answer that comes while the ring stops is still delivered") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto request = submit(*driver, kTestUnitReady);
  const MailboxMessage message = fixture.plane().next();
  std::thread stopping([&] { CHECK(driver->queue(2).stop(driver->connection()).ok()); });
  CHECK(fixture.plane().mailbox().complete(message.token, {.status = 0x18}));
  stopping.join();
  CHECK(popResult(*driver, request).status == 0x18);
}

TEST_CASE("scsi mailbox: a disconnect ends its commands, and late answers harm nobody") {
  ScsiFixture fixture({.stopTimeout = 10 * kMillisecond});
  MailboxToken token;
  {
    auto driver = fixture.driver();
    submit(*driver, kTestUnitReady);
    token = fixture.plane().next().token;
  }
  // The next driver is served only when the commands of the one before have ended.
  auto driver = fixture.driver();
  CHECK_FALSE(fixture.plane().mailbox().complete(token, {.status = 2}));
  const auto request = submit(*driver, kTestUnitReady);
  const MailboxMessage message = fixture.plane().next();
  CHECK_FALSE(fixture.plane().mailbox().complete(token, {.status = 2}));
  CHECK(fixture.plane().mailbox().complete(message.token, {.status = 0}));
  CHECK(popResult(*driver, request).status == 0);
}

TEST_CASE("scsi mailbox: with an attention pending block commands ask first, then run natively") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto data = pattern(512, 3);
  fixture.fence().set({.reads = true, .writes = true, .attentionPending = true});
  Result<ScsiResult> result{Error{}};
  const auto write = [&] { result = driver->execute(kLun, blockCdb(kWrite10, 7, 1), data); };

  const auto message = fixture.whileAnswering(
      {.status = 2, .sense = std::vector<std::byte>(18, std::byte{6})}, write);
  CHECK(message.header.cdb[0] == kWrite10);
  CHECK(message.dataOut.empty());  // its data is the data plane's
  CHECK(result->status == 2);
  CHECK(result->residual == 512);
  CHECK(fixture.total(&virtio::QueueCounters::writtenBytes) == 0);

  // Still pending, and yet allowed: no second question.
  fixture.whileAnswering({.natively = true}, write);
  CHECK(result->status == 0);
  CHECK(result->residual == 0);
  fixture.fence().set({.reads = true, .writes = true});
  std::vector<std::byte> back(512);
  checkGood(driver->execute(kLun, blockCdb(kRead10, 7, 1), {}, back));
  CHECK(back == data);
  CHECK(fixture.plane().silent());
}

TEST_CASE("scsi mailbox: 'natively' opens no closed fence, and is no answer to other commands") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  fixture.fence().set({.reads = true, .writes = false, .attentionPending = true});
  Result<ScsiResult> result{Error{}};
  fixture.whileAnswering({.natively = true}, [&] {
    result = driver->execute(kLun, blockCdb(kWrite10, 0, 1), std::vector<std::byte>(512));
  });
  CHECK(result->response == VIRTIO_SCSI_S_OK);
  CHECK(result->status == 0x18);
  fixture.whileAnswering({.natively = true},
                         [&] { result = driver->execute(kLun, kTestUnitReady); });
  CHECK(result->senseCode() == 0x044400);
  std::vector<std::byte> data(512);
  fixture.whileAnswering({.natively = true}, [&] {
    result = driver->execute(scsiLun(1, 5), blockCdb(kRead10, 0, 1), {}, data);
  });
  CHECK(result->senseCode() == 0x044400);
}
