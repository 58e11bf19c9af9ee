#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "support/migrating_memory.h"
#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"

using namespace holdfast;
using frontend::Buffer;
using frontend::ScsiDriver;
using test::blockCdb;
using test::contains;
using test::MigratingMemory;
using test::ScsiFixture;
using test::serveUntilInterrupted;

namespace {

constexpr uint64_t kPage = MigratingMemory::kPage;
constexpr uint16_t kQueue = ScsiDriver::kFirstRequestQueue;
const frontend::ScsiLun kLun = frontend::scsiLun(1, 0);

/// A driver that migrates, and whose queues are served one at a time, when asked to.
struct Migration {
  explicit Migration(ScsiFixture& fixture, bool packed = false)
      : driver(fixture.driver(test::quietDriver(3, packed))), memory(*driver) {
    const std::vector<std::byte> data(ScsiFixture::kSize, std::byte{0xd1});
    const UniqueFd image = fixture.image().open(O_WRONLY);
    REQUIRE(::pwrite(image.get(), data.data(), data.size(), 0) == ssize_t(data.size()));
    for (uint16_t i = 0; i < driver->numQueues(); ++i)
      REQUIRE(driver->connection().setVringEnable(i, false).ok());
    memory.begin();
  }

  Buffer buffer(uint32_t size, uint64_t offset, bool writable) {
    const auto address = driver->memory().allocate(offset + size, kPage);
    REQUIRE(address.ok());
    std::fill_n(driver->memory().hostAddr(*address), offset + size, std::byte{0x5a});
    return {*address + offset, size, writable};
  }
  Buffer header(std::span<const uint8_t> cdb) {
    virtio_scsi_cmd_req request{};
    std::ranges::copy(kLun, request.lun);
    std::ranges::copy(cdb, request.cdb);
    const Buffer header = buffer(sizeof request, 0, false);
    std::memcpy(driver->memory().hostAddr(header.guestAddr), &request, sizeof request);
    return header;
  }
  void submit(std::span<const Buffer> chain, uint16_t queue = kQueue) {
    REQUIRE(driver->queue(queue).ring().add(chain).has_value());
    driver->queue(queue).publish();
  }
  MigratingMemory::Pages serveAndCheck(uint16_t queue = kQueue) {
    memory.takeLogged();
    memory.remember();
    serveUntilInterrupted(*driver, queue);
    const auto changed = memory.changed();
    const auto logged = memory.takeLogged();
    CHECK_FALSE(changed.empty());
    CHECK(contains(logged, changed));
    return logged;
  }

  std::unique_ptr<ScsiDriver> driver;
  MigratingMemory memory;
};

bool has(const MigratingMemory::Pages& pages, const Buffer& buffer) {
  for (uint64_t page = buffer.guestAddr / kPage;
       page <= (buffer.guestAddr + buffer.size - 1) / kPage; ++page)
    if (!pages.contains(page)) return false;
  return true;
}

}  // namespace

TEST_CASE("dirty log, scsi: response and data of a read") {
  ScsiFixture fixture;
  bool packed = false;
  SUBCASE("split rings") {}
  SUBCASE("packed rings") {
    packed = true;
  }
  Migration guest(fixture, packed);
  const Buffer header = guest.header(blockCdb(0x28, 0, 24));
  SUBCASE("each a buffer of its own, within pages") {
    const Buffer response = guest.buffer(sizeof(virtio_scsi_cmd_resp), kPage - 50, true);
    const Buffer data = guest.buffer(24 * 512, 512, true);
    guest.submit(std::vector{header, response, data});
    const auto logged = guest.serveAndCheck();
    CHECK(has(logged, response));
    CHECK(has(logged, data));
  }
  SUBCASE("both in one buffer") {
    const Buffer all = guest.buffer(sizeof(virtio_scsi_cmd_resp) + 24 * 512, 4000, true);
    guest.submit(std::vector{header, all});
    CHECK(has(guest.serveAndCheck(), all));
  }
  SUBCASE("a response in many pieces") {
    std::vector<Buffer> chain{header};
    for (int i = 0; i < 4; ++i) chain.push_back(guest.buffer(27, kPage - 10, true));
    chain.push_back(guest.buffer(24 * 512, 0, true));
    guest.submit(chain);
    const auto logged = guest.serveAndCheck();
    CHECK(std::all_of(chain.begin() + 1, chain.end(),
                      [&](const Buffer& buffer) { return has(logged, buffer); }));
  }
}

TEST_CASE("dirty log, scsi: the response alone, where there is no data") {
  ScsiFixture fixture;
  Migration guest(fixture);
  const Buffer response = guest.buffer(sizeof(virtio_scsi_cmd_resp), kPage - 50, true);
  SUBCASE("a write") {
    guest.submit(
        std::vector{guest.header(blockCdb(0x2a, 0, 1)), guest.buffer(512, 0, false), response});
  }
  SUBCASE("sense data") {
    guest.submit(std::vector{guest.header(blockCdb(0x28, 1 << 30, 1)), response,
                             guest.buffer(512, 0, true)});
  }
  SUBCASE("no such target") {
    auto header = guest.header(blockCdb(0x28, 0, 1));
    guest.driver->memory().hostAddr(header.guestAddr)[1] = std::byte{77};
    guest.submit(std::vector{header, response});
  }
  SUBCASE("a request that isn't one") {
    guest.submit(std::vector{guest.buffer(3, 0, false), response});
  }
  CHECK(has(guest.serveAndCheck(), response));
}

TEST_CASE("dirty log, scsi: what the control plane answers") {
  ScsiFixture fixture;
  Migration guest(fixture);
  const Buffer response = guest.buffer(sizeof(virtio_scsi_cmd_resp), 0, true);
  const Buffer data = guest.buffer(6000, 1000, true);
  const std::vector<uint8_t> inquiry{0x12, 0, 0, 0x17, 0x70, 0};
  guest.submit(std::vector{guest.header(inquiry), response, data});
  MigratingMemory::Pages logged;
  fixture.whileAnswering({.dataIn = std::vector<std::byte>(6000, std::byte{0x11})},
                         [&] { logged = guest.serveAndCheck(); });
  CHECK(has(logged, response));
  CHECK(has(logged, data));
}

TEST_CASE("dirty log, scsi: the answer of a task management function") {
  ScsiFixture fixture;
  Migration guest(fixture);
  virtio_scsi_ctrl_tmf_req query{};
  query.type = VIRTIO_SCSI_T_TMF;
  query.subtype = VIRTIO_SCSI_T_TMF_QUERY_TASK_SET;
  std::ranges::copy(kLun, query.lun);
  const Buffer header = guest.buffer(sizeof query, 0, false);
  std::memcpy(guest.driver->memory().hostAddr(header.guestAddr), &query, sizeof query);
  const Buffer response = guest.buffer(1, 0, true);
  guest.submit(std::vector{header, response}, ScsiDriver::kControlQueue);
  CHECK(has(guest.serveAndCheck(ScsiDriver::kControlQueue), response));
}

TEST_CASE("dirty log, scsi: an event") {
  ScsiFixture fixture;
  Migration guest(fixture);
  const Buffer event = guest.buffer(sizeof(virtio_scsi_event), kPage - 8, true);
  guest.submit(std::vector{event}, ScsiDriver::kEventQueue);
  REQUIRE(fixture.controller().addUnit(fixture.unit(2, 0)).ok());
  CHECK(has(guest.serveAndCheck(ScsiDriver::kEventQueue), event));
}
