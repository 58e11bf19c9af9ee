#include <doctest/doctest.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"

using namespace holdfast;
using frontend::Buffer;
using frontend::Descriptor;
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
/// READ, WRITE, SYNCHRONIZE CACHE, WRITE SAME, UNMAP, COMPARE AND WRITE, VERIFY, WRITE AND VERIFY.
constexpr uint8_t kNative[] = {0x08, 0x0a, 0x28, 0x2a, 0x2e, 0x2f, 0x35, 0x41, 0x42, 0x88,
                               0x89, 0x8a, 0x8e, 0x8f, 0x91, 0x93, 0xa8, 0xaa, 0xae, 0xaf};

/// The ring still serves: what every refused request must leave behind.
void checkServes(ScsiDriver& driver) {
  std::vector<std::byte> data(512);
  const auto result = driver.execute(kLun, blockCdb(kRead10, 0, 1), {}, data);
  REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.error().message));
  CHECK(result->response == VIRTIO_SCSI_S_OK);
  CHECK(result->status == 0);
}

frontend::Used sendChain(ScsiDriver& driver, std::span<const Buffer> chain, uint16_t queue = 2) {
  const auto used = driver.submitAndWait(chain, queue);
  REQUIRE_MESSAGE(used.ok(), (used.ok() ? "" : used.error().message));
  return *used;
}

}  // namespace

TEST_CASE("scsi requests: chains without room for header or response come back, and say why") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  auto request = driver->makeRequest(kLun, blockCdb(kRead10, 0, 1), 512, true);
  REQUIRE(request.ok());
  const auto [header, response, data] = *request;
  const auto cut = [](Buffer buffer, uint32_t size) {
    buffer.size = size;
    return buffer;
  };
  const auto responseOf = [&] { return driver->resultOf(*request, 0).response; };

  SUBCASE("header only") {
    CHECK(sendChain(*driver, std::vector{header}).writtenBytes == 0);
  }
  SUBCASE("no header") {
    CHECK(sendChain(*driver, std::vector{response, data}).writtenBytes == 108);
    CHECK(responseOf() == VIRTIO_SCSI_S_FAILURE);
  }
  SUBCASE("a header one byte short") {
    CHECK(sendChain(*driver, std::vector{cut(header, 50), response, data}).writtenBytes == 108);
    CHECK(responseOf() == VIRTIO_SCSI_S_FAILURE);
  }
  SUBCASE("a response one byte short: as much as fits") {
    CHECK(sendChain(*driver, std::vector{header, cut(response, 107)}).writtenBytes == 107);
    CHECK(responseOf() == VIRTIO_SCSI_S_FAILURE);
  }
  SUBCASE("a response of a few bytes") {
    CHECK(sendChain(*driver, std::vector{header, cut(response, 3)}).writtenBytes == 3);
  }
  SUBCASE("zero-length buffers") {
    CHECK(sendChain(*driver, std::vector{cut(header, 0), cut(response, 0)}).writtenBytes == 0);
  }
  SUBCASE("data both ways") {
    auto out = driver->memory().allocate(512, 512);
    REQUIRE(out.ok());
    CHECK(sendChain(*driver, std::vector{header, Buffer{*out, 512, false}, response, data})
              .writtenBytes == 108);
    CHECK(responseOf() == VIRTIO_SCSI_S_FAILURE);
    CHECK(driver->resultOf(*request, 0).residual == 1024);
  }
  SUBCASE("data that nobody mapped: nothing is read, and the response tells") {
    const Buffer nowhere{uint64_t{1} << 50, 512, true};
    CHECK(sendChain(*driver, std::vector{header, response, nowhere}).writtenBytes == 108);
    CHECK(responseOf() == VIRTIO_SCSI_S_FAILURE);
  }
  SUBCASE("a response that nobody mapped") {
    const Buffer nowhere{UINT64_MAX - 50, 108, true};
    CHECK(sendChain(*driver, std::vector{header, nowhere}).writtenBytes == 0);
  }
  SUBCASE("readable after writable") {
    frontend::SplitRing& ring = driver->queue(2).split();
    const auto head = static_cast<uint16_t>(ring.size() - 2);
    ring.descriptor(head) = {response.guestAddr, 108,
                             frontend::kDescriptorWrite | frontend::kDescriptorNext,
                             static_cast<uint16_t>(head + 1)};
    ring.descriptor(static_cast<uint16_t>(head + 1)) = {header.guestAddr, 51, 0, 0};
    ring.addHead(head);
    driver->queue(2).publish();
    const auto used = driver->queue(2).popWait();
    REQUIRE(used.ok());
    CHECK(used->head == head);
  }
  SUBCASE("more segments than there is room for") {
    std::vector<Buffer> chain{header, response};
    for (uint32_t i = 0; i < 200; ++i) chain.push_back({data.guestAddr, 4, true});
    const uint64_t size = 16 * chain.size();
    auto table = driver->memory().allocate(size, 16);
    REQUIRE(table.ok());
    auto* host = reinterpret_cast<Descriptor*>(driver->memory().hostAddr(*table, size));
    REQUIRE(driver->queue(2).ring().addIndirect(chain, *table, host).has_value());
    driver->queue(2).publish();
    REQUIRE(driver->queue(2).popWait().ok());
    CHECK(responseOf() == VIRTIO_SCSI_S_FAILURE);
  }
  checkServes(*driver);
  CHECK(fixture.plane().silent());
}

TEST_CASE("scsi requests: LUN fields of every form") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto inquiry = CdbBytes{0x12, 0, 0, 0, 36, 0};
  std::vector<std::byte> data(36);

  // Natively: no such target, or no form that virtio-scsi has.
  for (const ScsiLun& lun :
       {scsiLun(0, 0), scsiLun(2, 0), scsiLun(255, 0), ScsiLun{}, ScsiLun{0, 1, 0x40},
        ScsiLun{2, 1, 0x40}, ScsiLun{255, 1, 0x40}, ScsiLun{0xc1, 0x01, 0, 0, 0, 0, 0, 1},
        ScsiLun{0xc1, 0x02}, ScsiLun{1, 0, 0xc1, 0x01}}) {
    const auto result = driver->execute(lun, inquiry, {}, data);
    REQUIRE(result.ok());
    CHECK(result->response == VIRTIO_SCSI_S_BAD_TARGET);
    CHECK(result->residual == 36);
    CHECK(result->writtenBytes == 108);
  }
  CHECK(fixture.plane().silent());

  // To the control plane, which knows what SPC says of places without a logical unit.
  for (const ScsiLun& lun :
       {scsiLun(1, 1), scsiLun(1, 16383), ScsiLun{1, 1, 0x00, 0x01}, ScsiLun{1, 1, 0x3f, 0x00},
        ScsiLun{1, 1, 0x80}, ScsiLun{1, 1, 0xc1, 0x01}, ScsiLun{1, 1, 0xff, 0xff},
        ScsiLun{1, 1, 0x40, 0, 0, 0, 0, 1}, ScsiLun{0xc1, 0x01}}) {
    for (const CdbBytes& cdb : {inquiry, blockCdb(kRead10, 0, 1)}) {
      Result<ScsiResult> result{Error{}};
      const auto message = fixture.whileAnswering(
          {.status = 2, .sense = std::vector<std::byte>(18, std::byte{0x33})},
          [&] { result = driver->execute(lun, cdb, {}, data); });
      REQUIRE(result.ok());
      CHECK(result->status == 2);
      CHECK(result->sense == std::vector<uint8_t>(18, 0x33));
      CHECK(std::equal(lun.begin(), lun.end(), message.header.lun.begin()));
      CHECK(message.header.target == (lun[0] == 1 ? 1 : 0));
    }
  }

  // Both ways to write LUN 0.
  for (const ScsiLun& lun : {ScsiLun{1, 1, 0x00, 0x00}, ScsiLun{1, 1, 0x40, 0x00}}) {
    std::vector<std::byte> block(512);
    checkGood(driver->execute(lun, blockCdb(kRead10, 0, 1), {}, block));
  }
}

TEST_CASE("scsi requests: header and data are read once, whatever the driver does to them after") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  auto request = driver->makeRequest(kLun, {{0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0}}, 24, false);
  REQUIRE(request.ok());
  std::memset(driver->dataOf(*request).data(), 1, 24);
  REQUIRE(driver->submit(*request).ok());
  const MailboxMessage message = fixture.plane().next();
  std::memset(&driver->headerOf(*request), 0xff, 51);
  std::memset(driver->dataOf(*request).data(), 2, 24);
  CHECK(message.header.cdb[0] == 0x5f);
  CHECK(message.dataOut == std::vector<std::byte>(24, std::byte{1}));
  CHECK(fixture.plane().mailbox().complete(message.token, {}));
  const auto used = driver->queue(2).popWait();
  REQUIRE(used.ok());
  const ScsiResult result = driver->resultOf(*request, used->writtenBytes);
  CHECK(result.response == VIRTIO_SCSI_S_OK);
  CHECK(result.residual == 0);
}

TEST_CASE("scsi requests: every operation code ends somewhere, and vendor groups in the mailbox") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  std::mt19937 random(4711);
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    CAPTURE(opcode);
    CdbBytes cdb(32);
    for (uint8_t& byte : cdb) byte = static_cast<uint8_t>(random());
    cdb[0] = static_cast<uint8_t>(opcode);
    auto request = driver->makeRequest(kLun, cdb, 0, true);
    REQUIRE(request.ok());
    REQUIRE(driver->submit(*request).ok());
    const bool native = std::ranges::count(kNative, opcode) > 0;
    if (!native) {
      const MailboxMessage message = fixture.plane().next();
      CHECK(std::equal(cdb.begin(), cdb.end(), message.header.cdb.begin()));
      fixture.plane().mailbox().complete(message.token, {.status = 2});
    }
    const auto used = driver->queue(2).popWait();
    REQUIRE(used.ok());
    CHECK(used->writtenBytes == 108);
    const ScsiResult result = driver->resultOf(*request, 108);
    CHECK(result.response <= VIRTIO_SCSI_S_OVERRUN);
    if (!native) CHECK(result.status == 2);
  }
  checkServes(*driver);
}

TEST_CASE("scsi requests: random block CDBs never touch more than the disk, and always end") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  std::mt19937 random(815);
  std::vector<std::byte> data(16384);
  for (unsigned round = 0; round < 3000; ++round) {
    CdbBytes cdb(16);
    for (uint8_t& byte : cdb) byte = random() % 3 ? 0 : static_cast<uint8_t>(random());
    cdb[0] = kNative[random() % std::size(kNative)];
    const bool reads = random() % 2;
    const auto size = random() % data.size();
    for (std::byte& byte : data) byte = random() % 4 ? std::byte{0} : std::byte(random());
    const std::span<std::byte> buffer(data.data(), size);
    const auto result = reads ? driver->execute(kLun, cdb, {}, buffer)
                              : driver->execute(kLun, cdb, std::span<const std::byte>(buffer));
    REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.error().message));
    CHECK(result->response <= VIRTIO_SCSI_S_OVERRUN);
    CHECK(result->residual <= size);
    const bool failed = result->response != VIRTIO_SCSI_S_OK || result->status != 0;
    if (failed) CHECK(result->residual == size);
    CHECK((result->status == 2) == (result->senseCode() != 0));
  }
  struct stat image;
  REQUIRE(::stat(fixture.image().path().c_str(), &image) == 0);
  CHECK(image.st_size == ScsiFixture::kSize);
  checkServes(*driver);
}

TEST_CASE("scsi requests: a broken ring is given up, the others and the next driver go on") {
  ScsiFixture fixture;
  {
    auto driver = fixture.driver();
    frontend::SplitRing& ring = driver->queue(2).split();
    SUBCASE("the available index jumps") {
      std::atomic_ref<uint16_t>(ring.availableIndex()).store(1000);
    }
    SUBCASE("a head beyond the ring") {
      ring.addHead(ring.size());
      ring.publish();
    }
    driver->queue(2).kick();
    pollfd error{driver->queue(2).errFd(), POLLIN, 0};
    CHECK(::poll(&error, 1, 10'000) == 1);
    std::vector<std::byte> data(512);
    checkGood(driver->execute(kLun, blockCdb(kRead10, 0, 1), {}, data, 3));
  }
  auto driver = fixture.driver();
  checkServes(*driver);
}

TEST_CASE("scsi requests: more commands in the ring than slots, and all end") {
  ScsiFixture fixture;
  auto driver = fixture.driver({.numQueues = 4, .queueSize = 2048});
  std::vector<ScsiDriver::Request> requests;
  for (unsigned i = 0; i < 600; ++i) {
    auto request =
        driver->makeRequest(kLun, blockCdb(i % 2 ? kRead10 : kWrite10, i, 1), 512, i % 2, i);
    REQUIRE(request.ok());
    requests.push_back(*request);
    REQUIRE(driver->queue(2).ring().add(ScsiDriver::chainOf(*request)).has_value());
  }
  driver->queue(2).publish();
  for (unsigned i = 0; i < requests.size(); ++i) REQUIRE(driver->queue(2).popWait().ok());
  for (const auto& request : requests) CHECK(driver->resultOf(request, 0).status == 0);
  CHECK(fixture.attachment().inFlight() == 0);
}
