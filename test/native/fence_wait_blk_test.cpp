#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <thread>

#include "reserved_device.h"
#include "support/blk_fixture.h"
#include "support/conflict_calls.h"

using namespace holdfast;
using frontend::BlkDriver;
using test::BlkFixture;
using test::ConflictCalls;
using test::ReservedDevice;

namespace {

constexpr AccessFence::Position kOpen{.reads = true, .writes = true};
constexpr AccessFence::Position kHeld{.reads = true, .writes = true, .held = true};
constexpr AccessFence::Position kJudging{
    .reads = true, .writes = true, .judgesConflicts = true, .epoch = 1};
constexpr AccessFence::Position kHeldJudging{
    .reads = true, .writes = true, .held = true, .judgesConflicts = true, .epoch = 1};
constexpr AccessFence::Position kNextEpoch{
    .reads = true, .writes = true, .judgesConflicts = true, .epoch = 2};
constexpr EngineKind kEngines[] = {EngineKind::kIoUring, EngineKind::kLibaio, EngineKind::kSync};
constexpr std::byte kMark{0x5a};

using Request = BlkDriver::RequestBuffers;

/// Starts a request and doesn't wait. `misplaced`: its buffer isn't one for direct I/O.
Request start(BlkDriver& driver, uint32_t type, uint64_t sector, bool misplaced = false) {
  const bool transfers = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_OUT;
  const bool ranged = type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES;
  const uint32_t size = transfers ? 8192 : ranged ? 16 : 0;
  auto made = driver.makeRequest(type, sector, size, type == VIRTIO_BLK_T_IN);
  REQUIRE(made.ok());
  Request& request = *made;
  if (transfers) {
    request.data.size = 4096;
    if (misplaced) ++request.data.guestAddr;
    if (type == VIRTIO_BLK_T_OUT) std::ranges::fill(driver.dataOf(request), kMark);
  } else if (ranged) {
    const virtio_blk_discard_write_zeroes range{.sector = sector, .num_sectors = 8, .flags = 0};
    std::memcpy(driver.dataOf(request).data(), &range, sizeof range);
  }
  std::vector<frontend::Buffer> chain{request.header, request.status};
  if (size > 0) chain.insert(chain.begin() + 1, request.data);
  REQUIRE(driver.queue(0).ring().add(chain).has_value());
  driver.queue(0).publish();
  return request;
}

/// One of each kind for the medium, and two that go through the bounce buffer.
std::vector<Request> startAll(BlkDriver& driver) {
  return {start(driver, VIRTIO_BLK_T_OUT, 0),          start(driver, VIRTIO_BLK_T_IN, 8),
          start(driver, VIRTIO_BLK_T_OUT, 16, true),   start(driver, VIRTIO_BLK_T_IN, 24, true),
          start(driver, VIRTIO_BLK_T_FLUSH, 0),        start(driver, VIRTIO_BLK_T_DISCARD, 32),
          start(driver, VIRTIO_BLK_T_WRITE_ZEROES, 40)};
}

void finish(BlkDriver& driver, size_t count) {
  for (size_t i = 0; i < count; ++i) REQUIRE(driver.queue(0).popWait().ok());
  CHECK_FALSE(driver.queue(0).ring().hasUsed());
}

/// A queue begins its requests in order: this one's answer says that all before have begun.
void checkBegun(BlkDriver& driver) {
  std::vector<std::byte> id(20);
  const auto status = driver.getId(id);
  REQUIRE(status.ok());
  CHECK(*status == VIRTIO_BLK_S_OK);
}

void checkAll(const BlkDriver& driver, const std::vector<Request>& requests, uint8_t status) {
  for (size_t i = 0; i < requests.size(); ++i) {
    CAPTURE(i);
    CHECK(driver.statusOf(requests[i]) == status);
  }
}

bool isDrained(AccessFence& fence) {
  auto drained = std::make_shared<std::atomic<bool>>(false);
  fence.drain([drained] { drained->store(true); });
  return drained->load();
}

/// Whether the block has what start() writes, read with no fence and no engine in between.
bool isWritten(const BlkFixture& fixture, uint64_t sector) {
  std::vector<std::byte> data(4096);
  const UniqueFd fd = fixture.image().open(O_RDONLY);
  REQUIRE(::pread(fd.get(), data.data(), data.size(), static_cast<off_t>(sector * 512)) == 4096);
  return std::ranges::count(data, kMark) == 4096;
}

}  // namespace

TEST_CASE("fence wait: held blk requests for the medium wait, others don't, and all go on") {
  for (const EngineKind engine : kEngines) {
    CAPTURE(static_cast<int>(engine));
    const auto fence = std::make_shared<AccessFence>();
    BlkFixture fixture({.engine = engine, .anyEngine = false, .fence = fence});
    fence->set(kHeld);
    auto driver = fixture.driver();
    const auto requests = startAll(*driver);
    checkBegun(*driver);
    CHECK(isDrained(*fence));
    CHECK_FALSE(isWritten(fixture, 0));
    fence->set(kHeld);  // another such position changes nothing
    checkBegun(*driver);
    checkAll(*driver, requests, BlkDriver::kNoStatus);

    fence->set(kOpen);
    finish(*driver, requests.size());
    checkAll(*driver, requests, VIRTIO_BLK_S_OK);
    CHECK(isWritten(fixture, 0));
    CHECK(isWritten(fixture, 16));
    CHECK(isDrained(*fence));
  }
}

TEST_CASE("fence wait: held blk requests meet the position that comes next") {
  const auto fence = std::make_shared<AccessFence>();
  BlkFixture fixture({.fence = fence});
  fence->set(kHeld);
  auto driver = fixture.driver();
  const Request write = start(*driver, VIRTIO_BLK_T_OUT, 0);
  const Request read = start(*driver, VIRTIO_BLK_T_IN, 0);
  checkBegun(*driver);
  fence->set({.reads = true});
  finish(*driver, 2);
  CHECK(driver->statusOf(write) == VIRTIO_BLK_S_IOERR);
  CHECK(driver->statusOf(read) == VIRTIO_BLK_S_OK);
  CHECK_FALSE(isWritten(fixture, 0));
}

TEST_CASE("fence wait: blk requests pass in the order in which they came, whenever it opens") {
  // With this engine a request that passes has ended when the next one begins.
  const auto fence = std::make_shared<AccessFence>();
  BlkFixture fixture({.engine = EngineKind::kSync, .anyEngine = false, .fence = fence});
  auto driver = fixture.driver({.queueSize = 256});
  auto made = driver->makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
  REQUIRE(made.ok());
  const frontend::Buffer chain[] = {made->header, made->data, made->status};
  constexpr unsigned kEach = 40;
  std::atomic<bool> quit{false};
  std::thread control([&] {
    while (!quit.load()) {
      fence->set(kHeld);
      fence->set(kOpen);
    }
  });
  for (unsigned round = 0; round < 300; ++round) {
    std::vector<uint32_t> begun, ended;
    for (unsigned i = 0; i < kEach; ++i) {
      const auto head = driver->queue(0).ring().add(chain);
      REQUIRE(head.has_value());
      begun.push_back(*head);
      driver->queue(0).publish();
    }
    for (unsigned i = 0; i < kEach; ++i) {
      const auto used = driver->queue(0).popWait();
      REQUIRE(used.ok());
      ended.push_back(used->head);
    }
    CHECK(begun == ended);
  }
  quit.store(true);
  control.join();
}

TEST_CASE("fence wait: a blk conflict is judged: sent again in its epoch, else an I/O error") {
  for (const EngineKind engine : kEngines) {
    CAPTURE(static_cast<int>(engine));
    for (const bool sameEpoch : {true, false}) {
      CAPTURE(sameEpoch);
      ConflictCalls calls;
      ReservedDevice device;
      const auto fence = std::make_shared<AccessFence>(calls.listener());
      BlkFixture fixture({.engine = engine, .anyEngine = false, .fence = fence});
      fence->set(kJudging);
      auto driver = fixture.driver();
      device.reserve();
      const auto requests = startAll(*driver);
      calls.wait(1);
      checkBegun(*driver);
      while (!isDrained(*fence)) std::this_thread::yield();  // the lane's, one after another
      device.release();
      checkAll(*driver, requests, BlkDriver::kNoStatus);
      CHECK(calls.count() == 1);
      CHECK(device.conflicts() >= requests.size());

      fence->set(kHeldJudging);
      checkBegun(*driver);
      checkAll(*driver, requests, BlkDriver::kNoStatus);
      fence->set(sameEpoch ? kJudging : kNextEpoch);
      finish(*driver, requests.size());
      checkAll(*driver, requests, sameEpoch ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
      CHECK(isWritten(fixture, 0) == sameEpoch);
      CHECK(isWritten(fixture, 16) == sameEpoch);
      CHECK(calls.count() == 1);
      CHECK(isDrained(*fence));
    }
  }
}

TEST_CASE("fence wait: a blk conflict is the answer at once where none is judged") {
  ConflictCalls calls;
  ReservedDevice device;
  const auto fence = std::make_shared<AccessFence>(calls.listener());
  BlkFixture fixture({.fence = fence});
  fence->set(kOpen);
  auto driver = fixture.driver();
  device.reserve();
  const auto requests = startAll(*driver);
  finish(*driver, requests.size());
  device.release();
  checkAll(*driver, requests, VIRTIO_BLK_S_IOERR);
  CHECK(calls.count() == 0);
}

TEST_CASE("fence wait: a blk request that meets one conflict after the other asks each time") {
  ConflictCalls calls;
  ReservedDevice device;
  const auto fence = std::make_shared<AccessFence>(calls.listener());
  BlkFixture fixture({.fence = fence});
  fence->set(kJudging);
  auto driver = fixture.driver();
  device.reserve();
  const Request write = start(*driver, VIRTIO_BLK_T_OUT, 0);
  for (unsigned round = 1; round <= 10; ++round) {
    calls.wait(round);
    if (round == 10) device.release();
    fence->set(kJudging);
  }
  finish(*driver, 1);
  CHECK(driver->statusOf(write) == VIRTIO_BLK_S_OK);
  CHECK(device.conflicts() == 10);
}

TEST_CASE("fence wait: while a conflict is judged, other blk requests pass an open fence") {
  ConflictCalls calls;
  ReservedDevice device;
  const auto fence = std::make_shared<AccessFence>(calls.listener());
  BlkFixture fixture({.fence = fence});
  fence->set(kJudging);
  auto driver = fixture.driver();
  device.reserve();
  const Request first = start(*driver, VIRTIO_BLK_T_OUT, 0);
  calls.wait(1);
  device.release();
  std::vector<std::byte> data(512);
  CHECK(*driver->read(64, data) == VIRTIO_BLK_S_OK);
  CHECK(driver->statusOf(first) == BlkDriver::kNoStatus);
  fence->set(kNextEpoch);
  finish(*driver, 1);
  CHECK(driver->statusOf(first) == VIRTIO_BLK_S_IOERR);
}

TEST_CASE("fence wait: a blk ring that stops waits for the fence, but not for ever") {
  ReservedDevice device;
  ConflictCalls calls;
  constexpr int64_t kHour = 3600'000'000'000;
  const bool opens = [] {
    bool yes = false;
    SUBCASE("it opens in time") {
      yes = true;
    }
    SUBCASE("it doesn't") {}
    return yes;
  }();
  const auto fence = std::make_shared<AccessFence>(calls.listener());
  BlkFixture fixture({.stopTimeout = opens ? kHour : 1'000'000, .fence = fence});
  fence->set(kJudging);
  auto driver = fixture.driver();
  device.reserve();
  const Request judged = start(*driver, VIRTIO_BLK_T_OUT, 0);
  calls.wait(1);
  device.release();
  fence->set(kHeldJudging);
  const Request held = start(*driver, VIRTIO_BLK_T_OUT, 8);
  checkBegun(*driver);
  std::thread opening([&] {
    if (opens) fence->set(kJudging);
  });
  CHECK(driver->queue(0).stop(driver->connection()).ok());
  opening.join();
  const uint8_t status = opens ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
  CHECK(driver->statusOf(judged) == status);
  CHECK(driver->statusOf(held) == status);
  CHECK(isWritten(fixture, 0) == opens);
  CHECK(isWritten(fixture, 8) == opens);
}

TEST_CASE("fence wait: an attachment that ends doesn't wait for a blk fence") {
  const auto fence = std::make_shared<AccessFence>();
  BlkFixture fixture({.stopTimeout = 3600'000'000'000, .fence = fence});
  fence->set(kHeld);
  auto driver = fixture.driver();
  const auto requests = startAll(*driver);
  checkBegun(*driver);
  SUBCASE("it is stopped") {
    fixture.attachment().requestStop();
    fixture.waitFor(AttachmentEvent::Kind::kEnded);
    checkAll(*driver, requests, VIRTIO_BLK_S_IOERR);
  }
  SUBCASE("the front end leaves, and another comes") {
    driver.reset();
    fixture.waitFor(AttachmentEvent::Kind::kDisconnected);
    driver = fixture.driver();
    checkBegun(*driver);
  }
  CHECK(isDrained(*fence));
}

TEST_CASE("fence wait: blk requests on all queues end, whatever the fence and the device do") {
  ConflictCalls calls;
  ReservedDevice device;
  const auto fence = std::make_shared<AccessFence>(calls.listener());
  BlkFixture fixture({.queues = 2, .fence = fence});
  fence->set(kJudging);
  auto driver = fixture.driver({.numQueues = 2, .queueSize = 256});
  std::atomic<bool> quit{false};
  std::thread control([&] {
    for (uint32_t round = 0; !quit.load(); ++round) {
      if (round % 5 == 0) device.reserve(round % 3);
      fence->set({.reads = true, .writes = true, .held = true, .judgesConflicts = true});
      std::promise<void> drained;
      fence->drain([&drained] { drained.set_value(); });
      drained.get_future().wait();
      device.release();
      fence->set({.reads = true,
                  .writes = round % 7 != 0,
                  .judgesConflicts = round % 4 != 0,
                  .epoch = round / 8});
    }
    fence->set(kOpen);
  });
  std::vector<std::byte> data(4096);
  unsigned good = 0, refused = 0;
  for (unsigned round = 0; round < 3000; ++round) {
    const auto status = driver->write(8 * (round % 100), data, round % 2);
    REQUIRE(status.ok());
    ++(*status == VIRTIO_BLK_S_OK ? good : refused);
  }
  quit.store(true);
  control.join();
  CHECK(good > 0);
  CHECK(refused > 0);
  CHECK(isDrained(*fence));
}
