#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <future>

#include "support/blk_fixture.h"
#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"
#include "support/stuck_write.h"

using namespace holdfast;
using frontend::BlkDriver;
using frontend::ScsiDriver;
using frontend::ScsiLun;
using frontend::scsiLun;
using test::BlkFixture;
using test::blockCdb;
using test::checkGood;
using test::compareAndWriteCdb;
using test::ScsiFixture;

namespace {

constexpr uint8_t kRead10 = 0x28;
constexpr uint8_t kWrite10 = 0x2a;
constexpr uint8_t kConflict = 0x18;
constexpr AccessFence::Position kOpen{.reads = true, .writes = true};
constexpr AccessFence::Position kReadsOnly{.reads = true};
const ScsiLun kLun = scsiLun(1, 0);

constexpr unsigned kDepth = 64;
constexpr uint32_t kWriteSize = 4096;
constexpr unsigned kRounds = 40;
/// How many rounds are enough for the closing to meet writes before and behind the gate, however
/// the machine schedules the threads.
constexpr unsigned kRoundsMax = 4000;

std::future<void> drain(AccessFence& fence) {
  auto promise = std::make_shared<std::promise<void>>();
  fence.drain([promise] { promise->set_value(); });
  return promise->get_future();
}

bool goesOn(unsigned round, unsigned written, unsigned refused) {
  return round < kRounds || (round < kRoundsMax && (written == 0 || refused == 0));
}

/// What the preempting node does behind the victim's back, and what the victim must leave alone.
class OtherNode {
 public:
  explicit OtherNode(const test::TemporaryImage& image) : fd_(image.open(O_RDWR)) {}

  void writeAll() {
    const std::vector<std::byte> data(kDepth * kWriteSize, kMark);
    REQUIRE(::pwrite(fd_.get(), data.data(), data.size(), 0) == static_cast<ssize_t>(data.size()));
    REQUIRE(::fsync(fd_.get()) == 0);
  }
  void checkAll() {
    std::vector<std::byte> data(kDepth * kWriteSize);
    REQUIRE(::pread(fd_.get(), data.data(), data.size(), 0) == static_cast<ssize_t>(data.size()));
    CHECK(static_cast<size_t>(std::count(data.begin(), data.end(), kMark)) == data.size());
  }

 private:
  static constexpr std::byte kMark{0xbb};
  UniqueFd fd_;
};

/// Makes `data` start at an odd address for every third request: those wait for the one bounce
/// buffer, and so are held for long.
frontend::Buffer placed(uint64_t area, unsigned index, bool writable) {
  const uint64_t offset = index % 3 == 0 ? 1 : 0;
  return {area + index * 2 * kWriteSize + offset, kWriteSize, writable};
}

}  // namespace

TEST_CASE(
    "fence: scsi commands meet it as SPC-4 has it, and none that fails has touched the disk") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  std::vector<std::byte> data(1024);
  struct Command {
    test::CdbBytes cdb;
    bool reads;
  };
  const std::vector<Command> commands = {{test::shortCdb(0x08, 0, 2), true},
                                         {blockCdb(kRead10, 0, 2), true},
                                         {blockCdb(0xa8, 0, 2), true},
                                         {blockCdb(0x88, 0, 2), true},
                                         {test::shortCdb(0x0a, 0, 2), false},
                                         {blockCdb(kWrite10, 0, 2), false},
                                         {blockCdb(0xaa, 0, 2), false},
                                         {blockCdb(0x8a, 0, 2), false},
                                         {blockCdb(0x35, 0, 0), false},
                                         {blockCdb(0x91, 0, 0), false},
                                         {blockCdb(0x41, 0, 2), false},
                                         {blockCdb(0x93, 0, 2), false},
                                         {test::unmapCdb(24), false},
                                         {compareAndWriteCdb(0, 1), false},
                                         {blockCdb(kWrite10, 0, 0), false},
                                         {blockCdb(kWrite10, 1u << 30, 1), false},
                                         {blockCdb(kWrite10, 0, 1, 0xe0), false}};
  for (const auto& position : {AccessFence::Position{}, kReadsOnly}) {
    fixture.fence().set(position);
    for (const Command& command : commands) {
      CAPTURE(static_cast<int>(command.cdb[0]));
      const auto result = command.reads ? driver->execute(kLun, command.cdb, {}, data)
                                        : driver->execute(kLun, command.cdb, data);
      REQUIRE(result.ok());
      CHECK(result->response == VIRTIO_SCSI_S_OK);
      const bool open = command.reads && position.reads;
      CHECK(result->status == (open ? 0 : kConflict));
      CHECK(result->sense.empty());
      CHECK(result->residual == (open ? 0 : 1024));
    }
  }
  CHECK(drain(fixture.fence()).wait_for(std::chrono::seconds(0)) == std::future_status::ready);
  CHECK(fixture.total(&virtio::QueueCounters::writtenBytes) == 0);
  fixture.fence().set(kOpen);
  checkGood(driver->execute(kLun, blockCdb(kWrite10, 0, 2), data));
}

TEST_CASE("fence: a drain waits for a write that the disk holds up") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  test::StuckWrite stuck(fixture.disk(), *driver, kLun);
  fixture.fence().set(kReadsOnly);
  auto drained = drain(fixture.fence());
  // Reads that come later are served, and don't hold the drain up either.
  std::vector<std::byte> data(512);
  checkGood(driver->execute(kLun, blockCdb(kRead10, 8, 1), {}, data, 3));
  CHECK(drained.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  stuck.release();
  drained.wait();
  const auto used = driver->queue(2).popWait();
  REQUIRE(used.ok());
  CHECK(driver->resultOf(stuck.request(), used->writtenBytes).status == 0);
}

TEST_CASE("fence: commands in the mailbox are not waited for: they look at the fence later") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  fixture.fence().set({.reads = true, .writes = true, .attentionPending = true});
  auto request = driver->makeRequest(kLun, blockCdb(kWrite10, 0, 1), 512, false);
  REQUIRE(request.ok());
  REQUIRE(driver->submit(*request).ok());
  const MailboxMessage message = fixture.plane().next();
  fixture.fence().set({});
  CHECK(drain(fixture.fence()).wait_for(std::chrono::seconds(0)) == std::future_status::ready);
  CHECK(fixture.plane().mailbox().complete(message.token, {.natively = true}));
  REQUIRE(driver->queue(2).popWait().ok());
  CHECK(driver->resultOf(*request, 0).status == kConflict);
}

TEST_CASE("fence: no scsi write lands after it was closed and drained") {
  for (const EngineKind engine : {EngineKind::kIoUring, EngineKind::kLibaio}) {
    ScsiFixture fixture({.engine = engine, .anyEngine = false});
    OtherNode other(fixture.image());
    auto driver = fixture.driver({.numQueues = 4, .queueSize = 256});
    std::vector<ScsiDriver::Request> requests;
    const auto area = driver->memory().allocate(kDepth * 2 * kWriteSize, 4096);
    REQUIRE(area.ok());
    for (unsigned i = 0; i < kDepth; ++i) {
      auto request = driver->makeRequest(kLun, blockCdb(kWrite10, i * 8, 8), 0, false);
      REQUIRE(request.ok());
      request->data = placed(*area, i, false);
      requests.push_back(*request);
    }
    unsigned written = 0, refused = 0;
    for (unsigned round = 0; goesOn(round, written, refused); ++round) {
      fixture.fence().set(kOpen);
      for (unsigned i = 0; i < kDepth; ++i)
        REQUIRE(driver->queue(2 + i % 2).ring().add(ScsiDriver::chainOf(requests[i])).has_value());
      driver->queue(2).publish();
      driver->queue(3).publish();
      // Now here, now there in the middle of them.
      for (unsigned i = 0; i < round % 8; ++i) REQUIRE(driver->queue(2 + i % 2).popWait().ok());
      fixture.fence().set({});
      drain(fixture.fence()).wait();
      other.writeAll();
      const unsigned left = kDepth / 2 - (round % 8) / 2;
      for (unsigned i = 0; i < left - (round % 8) % 2; ++i)
        REQUIRE(driver->queue(2).popWait().ok());
      for (unsigned i = 0; i < left; ++i) REQUIRE(driver->queue(3).popWait().ok());
      other.checkAll();
      for (const auto& request : requests)
        ++(driver->resultOf(request, 0).status == kConflict ? refused : written);
    }
    // The closing met writes in both states; else this test shows nothing.
    CHECK(written > 0);
    CHECK(refused > 0);
    CHECK(fixture.total(&virtio::QueueCounters::bounced) > 0);
  }
}

TEST_CASE("fence: no blk write lands after it was closed and drained") {
  const auto fence = std::make_shared<AccessFence>();
  BlkFixture fixture({.fence = fence});
  OtherNode other(fixture.image());
  auto driver = fixture.driver({.numQueues = 2, .queueSize = 256});
  std::vector<BlkDriver::RequestBuffers> requests;
  const auto area = driver->memory().allocate(kDepth * 2 * kWriteSize, 4096);
  REQUIRE(area.ok());
  for (unsigned i = 0; i < kDepth; ++i) {
    auto request = driver->makeRequest(VIRTIO_BLK_T_OUT, i * 8, 0, false);
    REQUIRE(request.ok());
    request->data = placed(*area, i, false);
    requests.push_back(*request);
  }
  unsigned written = 0, refused = 0;
  for (unsigned round = 0; goesOn(round, written, refused); ++round) {
    fence->set(kOpen);
    for (unsigned i = 0; i < kDepth; ++i) {
      const frontend::Buffer chain[] = {requests[i].header, requests[i].data, requests[i].status};
      REQUIRE(driver->queue(i % 2).ring().add(chain).has_value());
    }
    driver->queue(0).publish();
    driver->queue(1).publish();
    if (round % 2) REQUIRE(driver->queue(0).popWait().ok());
    fence->set({});
    drain(*fence).wait();
    other.writeAll();
    for (unsigned i = round % 2; i < kDepth / 2; ++i) REQUIRE(driver->queue(0).popWait().ok());
    for (unsigned i = 0; i < kDepth / 2; ++i) REQUIRE(driver->queue(1).popWait().ok());
    other.checkAll();
    for (const auto& request : requests)
      ++(driver->statusOf(request) == VIRTIO_BLK_S_OK ? written : refused);
  }
  CHECK(written > 0);
  CHECK(refused > 0);
}

TEST_CASE("fence: blk requests for the medium are I/O errors while it is closed, no others") {
  const auto fence = std::make_shared<AccessFence>();
  BlkFixture fixture({.fence = fence});
  auto driver = fixture.driver();
  std::vector<std::byte> data(512);
  const virtio_blk_discard_write_zeroes range{.sector = 0, .num_sectors = 8, .flags = 0};
  const auto check = [&](uint8_t reads, uint8_t writes) {
    CHECK(*driver->read(0, data) == reads);
    CHECK(*driver->write(0, data) == writes);
    CHECK(*driver->flush() == writes);
    CHECK(*driver->discard({&range, 1}) == writes);
    CHECK(*driver->writeZeroes({&range, 1}) == writes);
    std::vector<std::byte> id(20);
    CHECK(*driver->getId(id) == VIRTIO_BLK_S_OK);
  };
  check(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR);
  fence->set(kReadsOnly);
  check(VIRTIO_BLK_S_OK, VIRTIO_BLK_S_IOERR);
  fence->set({.reads = true, .writes = true, .attentionPending = true});
  check(VIRTIO_BLK_S_OK, VIRTIO_BLK_S_OK);
  CHECK(drain(*fence).wait_for(std::chrono::seconds(0)) == std::future_status::ready);
}
