#include <doctest/doctest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <future>

#include "reserved_device.h"
#include "support/conflict_calls.h"
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
using test::compareAndWriteCdb;
using test::ConflictCalls;
using test::ReservedDevice;
using test::ScsiFixture;

namespace {

constexpr uint8_t kRead10 = 0x28;
constexpr uint8_t kWrite10 = 0x2a;
constexpr uint8_t kGood = 0;
constexpr uint8_t kBusy = 0x08;
constexpr uint8_t kConflict = 0x18;
constexpr int64_t kHour = 3600'000'000'000;
constexpr AccessFence::Position kOpen{.reads = true, .writes = true};
constexpr AccessFence::Position kHeld{.reads = true, .writes = true, .held = true};
constexpr AccessFence::Position kJudging{
    .reads = true, .writes = true, .judgesConflicts = true, .epoch = 1};
constexpr AccessFence::Position kNextEpoch{
    .reads = true, .writes = true, .judgesConflicts = true, .epoch = 2};
const ScsiLun kLun = scsiLun(1, 0);

using Request = ScsiDriver::Request;

Request start(ScsiDriver& driver, const CdbBytes& cdb, uint32_t size, uint64_t tag = 0,
              const ScsiLun& lun = kLun) {
  const bool reads = cdb[0] == kRead10;
  auto request = driver.makeRequest(lun, cdb, size, reads, tag);
  REQUIRE(request.ok());
  if (!reads) std::ranges::fill(driver.dataOf(*request), std::byte{0});
  REQUIRE(driver.submit(*request).ok());
  return *request;
}

/// As start(), with data that differs from place to place.
Request startWriting(ScsiDriver& driver, const CdbBytes& cdb, std::span<const std::byte> data) {
  auto request = driver.makeRequest(kLun, cdb, static_cast<uint32_t>(data.size()), false);
  REQUIRE(request.ok());
  std::ranges::copy(data, driver.dataOf(*request).begin());
  REQUIRE(driver.submit(*request).ok());
  return *request;
}

/// What startAll() writes from here on, in two pieces.
constexpr uint64_t kVerifiedBlock = 1024;
const std::vector<std::byte> kVerifiedData = test::pattern(512 << 10, 1);

/// One of each operation that goes to the medium.
std::vector<Request> startAll(ScsiDriver& driver) {
  const uint8_t unmapList[24] = {0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 8};
  return {start(driver, blockCdb(kRead10, 0, 8), 4096),
          start(driver, blockCdb(kRead10, 8, 8, 0x08), 4096),  // FUA
          start(driver, blockCdb(kWrite10, 16, 8), 4096),
          start(driver, blockCdb(0x35, 0, 0), 0),
          start(driver, blockCdb(0x41, 24, 8), 512),  // WRITE SAME of zeros
          startWriting(driver, blockCdb(0x41, 32, 8), test::pattern(512, 2)),
          start(driver, compareAndWriteCdb(40, 1), 1024),
          start(driver, blockCdb(0x2f, 48, 8, 0x02), 4096),  // VERIFY
          startWriting(driver, blockCdb(0x2e, kVerifiedBlock, 1024, 0x02), kVerifiedData),
          startWriting(driver, test::unmapCdb(24), std::as_bytes(std::span(unmapList)))};
}

bool isVerifiedDataThere(const ScsiFixture& fixture) {
  std::vector<std::byte> found(kVerifiedData.size());
  const UniqueFd fd = fixture.image().open(O_RDONLY);
  REQUIRE(::pread(fd.get(), found.data(), found.size(), kVerifiedBlock * 512) ==
          static_cast<ssize_t>(found.size()));
  return found == kVerifiedData;
}

/// Sends a command for the control plane: its answer says that all before have begun.
void checkBegun(ScsiFixture& fixture, ScsiDriver& driver) {
  fixture.whileAnswering({}, [&] { checkGood(driver.execute(kLun, CdbBytes(6))); });
}

void finish(ScsiDriver& driver, size_t count) {
  for (size_t i = 0; i < count; ++i) REQUIRE(driver.queue(2).popWait().ok());
  CHECK_FALSE(driver.queue(2).ring().hasUsed());
}

void checkAll(const ScsiDriver& driver, const std::vector<Request>& requests, uint8_t status) {
  for (size_t i = 0; i < requests.size(); ++i) {
    CAPTURE(i);
    const ScsiResult result = driver.resultOf(requests[i], 0);
    CHECK(result.response == VIRTIO_SCSI_S_OK);
    CHECK(result.status == status);
  }
}

void checkPending(const ScsiDriver& driver, const std::vector<Request>& requests) {
  for (const Request& request : requests)
    CHECK(driver.resultOf(request, 0).response == ScsiDriver::kNoResponse);
}

/// Keeps this thread, and those it starts, on the CPU where it runs.
class OneCpu {
 public:
  OneCpu() {
    REQUIRE(::sched_getaffinity(0, sizeof before_, &before_) == 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  }
  ~OneCpu() { ::sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};

bool isDrained(AccessFence& fence) {
  auto drained = std::make_shared<std::atomic<bool>>(false);
  fence.drain([drained] { drained->store(true); });
  return drained->load();
}

}  // namespace

TEST_CASE("fence wait: held scsi commands wait, those of the control plane don't") {
  ScsiFixture fixture;
  fixture.fence().set(kHeld);
  auto driver = fixture.driver({.numQueues = 4, .queueSize = 256});
  const auto requests = startAll(*driver);
  checkBegun(fixture, *driver);
  checkPending(*driver, requests);
  CHECK(isDrained(fixture.fence()));
  fixture.fence().set(kOpen);
  finish(*driver, requests.size());
  checkAll(*driver, requests, kGood);
}

TEST_CASE("fence wait: held scsi commands meet the position that comes next") {
  ScsiFixture fixture;
  fixture.fence().set(kHeld);
  auto driver = fixture.driver();
  const Request write = start(*driver, blockCdb(kWrite10, 0, 1), 512);
  const Request read = start(*driver, blockCdb(kRead10, 0, 1), 512);
  checkBegun(fixture, *driver);
  SUBCASE("closed for writes") {
    fixture.fence().set({.reads = true});
    finish(*driver, 2);
    CHECK(driver->resultOf(write, 0).status == kConflict);
    CHECK(driver->resultOf(write, 0).residual == 512);
    checkAll(*driver, {read}, kGood);
  }
  SUBCASE("with a unit attention pending, whoever owes it is asked first") {
    for (const bool writes : {true, false}) {
      fixture.fence().set({.reads = true, .writes = writes, .attentionPending = true});
      const MailboxMessage first = fixture.plane().next();
      const MailboxMessage second = fixture.plane().next();
      CHECK(first.header.cdb[0] == kWrite10);
      CHECK(second.header.cdb[0] == kRead10);
      CHECK(isDrained(fixture.fence()));
      fixture.fence().set(kHeld);
      for (const auto& message : {first, second})
        CHECK(fixture.plane().mailbox().complete(message.token, {.natively = true}));
      checkBegun(fixture, *driver);
    }
    fixture.fence().set(kOpen);
    finish(*driver, 2);
    checkAll(*driver, {write, read}, kGood);
  }
}

TEST_CASE("fence wait: a scsi conflict is judged: sent again in its epoch, else the status") {
  for (const EngineKind engine : {EngineKind::kIoUring, EngineKind::kLibaio, EngineKind::kSync}) {
    CAPTURE(static_cast<int>(engine));
    for (const bool sameEpoch : {true, false}) {
      CAPTURE(sameEpoch);
      ConflictCalls calls;
      ReservedDevice device;
      ScsiFixture fixture({.engine = engine, .anyEngine = false, .onConflict = calls.listener()});
      fixture.fence().set(kJudging);
      auto driver = fixture.driver({.numQueues = 4, .queueSize = 256});
      device.reserve();
      const auto requests = startAll(*driver);
      calls.wait(1);
      checkBegun(fixture, *driver);
      while (!isDrained(fixture.fence())) std::this_thread::yield();  // the lane's
      device.release();
      checkPending(*driver, requests);
      CHECK(calls.count() == 1);
      fixture.fence().set(sameEpoch ? kJudging : kNextEpoch);
      finish(*driver, requests.size());
      checkAll(*driver, requests, sameEpoch ? kGood : kConflict);
      CHECK(isVerifiedDataThere(fixture) == sameEpoch);
      CHECK(isDrained(fixture.fence()));
    }
  }
}

TEST_CASE("fence wait: a command that met the conflict half-way is done again as a whole") {
  ConflictCalls calls;
  ReservedDevice device;
  ScsiFixture fixture({.onConflict = calls.listener()});
  fixture.fence().set(kJudging);
  auto driver = fixture.driver();
  device.reserve(3);  // a piece written, read back, and the next one written
  const Request request =
      startWriting(*driver, blockCdb(0x2e, kVerifiedBlock, 1024, 0x02), kVerifiedData);
  calls.wait(1);
  device.release();
  fixture.fence().set(kJudging);
  finish(*driver, 1);
  checkAll(*driver, {request}, kGood);
  CHECK(isVerifiedDataThere(fixture));
}

TEST_CASE("fence wait: a scsi conflict is the answer at once where none is judged") {
  ReservedDevice device;
  ScsiFixture fixture;
  auto driver = fixture.driver({.numQueues = 4, .queueSize = 256});
  device.reserve();
  const auto requests = startAll(*driver);
  finish(*driver, requests.size());
  device.release();
  checkAll(*driver, requests, kConflict);
}

TEST_CASE("fence wait: task management ends waiting commands at once") {
  ConflictCalls calls;
  ReservedDevice device;
  ScsiFixture fixture({.onConflict = calls.listener()});
  fixture.fence().set(kJudging);
  auto driver = fixture.driver();
  device.reserve();
  const Request judged = start(*driver, blockCdb(kWrite10, 0, 1), 512, 7);
  calls.wait(1);
  device.release();
  fixture.fence().set(kHeld);
  const Request held = start(*driver, blockCdb(kWrite10, 8, 1), 512, 8);
  checkBegun(fixture, *driver);
  const auto response = [&](const Request& request) {
    return driver->resultOf(request, 0).response;
  };
  SUBCASE("ABORT TASK, of one and of the other") {
    for (const uint64_t tag : {8, 7}) {
      CHECK(*driver->manageTask(VIRTIO_SCSI_T_TMF_QUERY_TASK, kLun, tag) ==
            VIRTIO_SCSI_S_FUNCTION_SUCCEEDED);
      CHECK(*driver->manageTask(VIRTIO_SCSI_T_TMF_ABORT_TASK, kLun, tag) == VIRTIO_SCSI_S_OK);
      CHECK(response(tag == 8 ? held : judged) == VIRTIO_SCSI_S_ABORTED);
      if (tag == 8) CHECK(response(judged) == ScsiDriver::kNoResponse);
    }
  }
  SUBCASE("LOGICAL UNIT RESET, I_T NEXUS RESET") {
    for (const uint32_t reset :
         {VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET}) {
      fixture.whileAnswering({},
                             [&] { CHECK(*driver->manageTask(reset, kLun) == VIRTIO_SCSI_S_OK); });
      CHECK(response(held) == VIRTIO_SCSI_S_RESET);
      CHECK(response(judged) == VIRTIO_SCSI_S_RESET);
    }
  }
  finish(*driver, 2);
  fixture.fence().set(kOpen);
  // Nothing of them comes after.
  std::vector<std::byte> data(512);
  checkGood(driver->execute(kLun, blockCdb(kRead10, 0, 1), {}, data));
  CHECK(fixture.total(&virtio::QueueCounters::writtenBytes) == 0);
}

TEST_CASE("fence wait: a scsi ring that stops waits for the fence, but not for ever") {
  const bool opens = [] {
    bool yes = false;
    SUBCASE("it opens in time") {
      yes = true;
    }
    SUBCASE("it doesn't") {}
    return yes;
  }();
  ScsiFixture fixture({.stopTimeout = opens ? kHour : 1'000'000});
  fixture.fence().set(kHeld);
  auto driver = fixture.driver({.numQueues = 4, .queueSize = 256});
  const auto requests = startAll(*driver);
  checkBegun(fixture, *driver);
  std::thread opening([&] {
    if (opens) fixture.fence().set(kOpen);
  });
  CHECK(driver->queue(2).stop(driver->connection()).ok());
  opening.join();
  checkAll(*driver, requests, opens ? kGood : kBusy);
}

TEST_CASE("fence wait: a conflict that comes while the ring stops waits as long") {
  ConflictCalls calls;
  ReservedDevice device;
  ScsiFixture fixture({.stopTimeout = kHour, .onConflict = calls.listener()});
  fixture.fence().set(kJudging);
  auto driver = fixture.driver();
  test::StuckWrite stuck(fixture.disk(), *driver, kLun);
  std::thread judging([&] {
    device.reserve();
    stuck.release();
    calls.wait(1);
    device.release();
    fixture.fence().set(kNextEpoch);
  });
  CHECK(driver->queue(2).stop(driver->connection()).ok());
  judging.join();
  CHECK(driver->resultOf(stuck.request(), 0).status == kConflict);
}

TEST_CASE("fence wait: an attachment that ends doesn't wait for a scsi fence") {
  ScsiFixture fixture({.stopTimeout = kHour});
  fixture.fence().set(kHeld);
  auto driver = fixture.driver({.numQueues = 4, .queueSize = 256});
  const auto requests = startAll(*driver);
  checkBegun(fixture, *driver);
  SUBCASE("the front end leaves, and another comes") {
    driver.reset();
    driver = fixture.driver();
    checkBegun(fixture, *driver);
  }
  SUBCASE("it is stopped") {
    fixture.attachment().requestStop();
  }
}

TEST_CASE("fence wait: the commands of a disk that is unplugged end, and it is let go") {
  ConflictCalls calls;
  ReservedDevice device;
  ScsiFixture fixture({.onConflict = calls.listener()});
  const test::TemporaryImage image(1 << 20);
  const auto fence = std::make_shared<AccessFence>(calls.listener());
  auto unit = fixture.unit(1, 5);
  unit.disk = fixture.openDisk(image);
  unit.fence = fence;
  REQUIRE(fixture.controller().addUnit(std::move(unit)).ok());
  fence->set(kJudging);
  fixture.fence().set(kHeld);
  auto driver = fixture.driver();
  const Request other = start(*driver, blockCdb(kWrite10, 0, 1), 512);
  device.reserve();
  const Request judged = start(*driver, blockCdb(kWrite10, 0, 1), 512, 1, scsiLun(1, 5));
  calls.wait(1);
  device.release();
  fence->set(kHeld);
  const Request held = start(*driver, blockCdb(kWrite10, 0, 1), 512, 2, scsiLun(1, 5));
  checkBegun(fixture, *driver);
  std::promise<void> released;
  REQUIRE(fixture.controller().removeUnit(1, 5, [&] { released.set_value(); }).ok());
  released.get_future().wait();
  finish(*driver, 2);
  CHECK(driver->resultOf(judged, 0).response == VIRTIO_SCSI_S_BAD_TARGET);
  CHECK(driver->resultOf(held, 0).response == VIRTIO_SCSI_S_BAD_TARGET);
  checkPending(*driver, {other});
  fixture.fence().set(kOpen);
  finish(*driver, 1);
  checkAll(*driver, {other}, kGood);
}

TEST_CASE("fence wait: more commands wait than a channel takes, and all go on") {
  constexpr uint16_t kQueues = 5;
  constexpr unsigned kEach = 256;
  static_assert(kQueues * kEach > IoEngine::kDepth);
  // Threads that are started meanwhile have it, too: one worker serves all queues.
  const OneCpu pinned;
  ScsiFixture fixture(
      {.engine = EngineKind::kLibaio, .anyEngine = false, .requestQueues = kQueues});
  fixture.fence().set(kHeld);
  auto driver = fixture.driver({.numQueues = 2 + kQueues, .queueSize = 1024});
  auto request = driver->makeRequest(kLun, blockCdb(kRead10, 0, 1), 512, true);
  REQUIRE(request.ok());
  for (uint16_t queue = 2; queue < 2 + kQueues; ++queue) {
    for (unsigned i = 0; i < kEach; ++i)
      REQUIRE(driver->queue(queue).ring().add(ScsiDriver::chainOf(*request)).has_value());
    driver->queue(queue).publish();
  }
  while (fixture.attachment().inFlight() < kQueues * kEach) std::this_thread::yield();
  fixture.fence().set(kOpen);
  for (uint16_t queue = 2; queue < 2 + kQueues; ++queue)
    for (unsigned i = 0; i < kEach; ++i) REQUIRE(driver->queue(queue).popWait().ok());
  CHECK(isDrained(fixture.fence()));
}
