#include <doctest/doctest.h>

#include <cstring>

#include "support/blk_fixture.h"
#include "support/control_plane.h"

using namespace holdfast;
using frontend::BlkDriver;
using frontend::Buffer;
using test::BlkFixture;
using test::ControlPlane;

namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr uint32_t kScsiCommand = 2;  // VIRTIO_BLK_T_SCSI_CMD

/// A SCSI command in guest memory as the legacy driver of Linux lays it out.
struct Command {
  Buffer header, cdb, dataOut, dataIn, sense, trailer, status;

  std::vector<Buffer> chain() const {
    std::vector<Buffer> buffers{header, cdb};
    if (dataOut.size > 0) buffers.push_back(dataOut);
    if (dataIn.size > 0) buffers.push_back(dataIn);
    buffers.insert(buffers.end(), {sense, trailer, status});
    return buffers;
  }
};

struct Trailer {
  uint32_t errors, dataLength, senseLength, residual;
  bool operator==(const Trailer&) const = default;
};

class Passthrough {
 public:
  explicit Passthrough(Mailbox::Options options = {},
                       int64_t stopTimeout = Attachment::Options().stopTimeout)
      : plane_(options),
        fixture_({.stopTimeout = stopTimeout, .mailbox = &plane_.mailbox()}),
        driver_(fixture_.driver()) {}

  Command make(std::vector<uint8_t> cdb, uint32_t dataOut, uint32_t dataIn) {
    const auto area = [this](uint32_t size, bool writable) {
      const auto address = driver_->memory().allocate(size, 64);
      REQUIRE(address.ok());
      return Buffer{*address, size, writable};
    };
    auto block = driver_->makeRequest(kScsiCommand, 0, 0, false);
    REQUIRE(block.ok());
    Command command{block->header,        area(static_cast<uint32_t>(cdb.size()), false),
                    area(dataOut, false), area(dataIn, true),
                    area(96, true),       area(16, true),
                    block->status};
    std::memcpy(at(command.cdb), cdb.data(), cdb.size());
    return command;
  }

  /// Sends it; the control plane answers, unless there is nothing to say.
  MailboxMessage run(const Command& command, MailboxReply reply) {
    REQUIRE(driver_->queue(0).ring().add(command.chain()).has_value());
    driver_->queue(0).publish();
    const MailboxMessage message = plane_.next();
    CHECK(plane_.mailbox().complete(message.token, std::move(reply)));
    REQUIRE(driver_->queue(0).popWait().ok());
    return message;
  }
  uint8_t send(std::span<const Buffer> chain, const Buffer& status) {
    *at(status) = std::byte{BlkDriver::kNoStatus};
    REQUIRE(driver_->submitAndWait(chain).ok());
    return std::to_integer<uint8_t>(*at(status));
  }

  std::byte* at(const Buffer& buffer) {
    return driver_->memory().hostAddr(buffer.guestAddr, buffer.size);
  }
  Trailer trailerOf(const Command& command) {
    Trailer trailer;
    std::memcpy(&trailer, at(command.trailer), sizeof trailer);
    return trailer;
  }
  uint8_t statusOf(const Command& command) { return std::to_integer<uint8_t>(*at(command.status)); }

  ControlPlane& plane() { return plane_; }
  BlkFixture& fixture() { return fixture_; }
  BlkDriver& driver() { return *driver_; }

 private:
  ControlPlane plane_;
  BlkFixture fixture_;
  std::unique_ptr<BlkDriver> driver_;
};

}  // namespace

TEST_CASE("passthrough: a PERSISTENT RESERVE OUT and its parameter list; nothing comes back") {
  Passthrough blk;
  CHECK(blk.driver().hasFeature(7));
  const Command command = blk.make({0x5f, 0, 5, 0, 0, 0, 0, 0, 24, 0}, 24, 0);
  std::memset(blk.at(command.dataOut), 0x42, 24);
  const auto message = blk.run(command, {.status = 0});
  CHECK(message.header.cdb[0] == 0x5f);
  CHECK(message.header.cdb[8] == 24);
  CHECK(message.header.cdb[10] == 0);
  CHECK(message.header.lun[0] == 1);
  CHECK(message.dataOut == std::vector<std::byte>(24, std::byte{0x42}));
  CHECK(blk.statusOf(command) == VIRTIO_BLK_S_OK);
  CHECK(blk.trailerOf(command) ==
        Trailer{.errors = 0, .dataLength = 24, .senseLength = 0, .residual = 0});
}

TEST_CASE("passthrough: data in, sense and residual lie where the legacy layout has them") {
  Passthrough blk;
  const Command command = blk.make({0x5e, 0, 0, 0, 0, 0, 0, 1, 0, 0}, 0, 256);
  blk.run(command, {.status = 0, .dataIn = std::vector<std::byte>(24, std::byte{7})});
  CHECK(blk.trailerOf(command) ==
        Trailer{.errors = 0, .dataLength = 256, .senseLength = 0, .residual = 232});
  CHECK(blk.at(command.dataIn)[23] == std::byte{7});
  CHECK(blk.at(command.dataIn)[24] == std::byte{0});

  blk.run(command, {.status = 2, .sense = std::vector<std::byte>(18, std::byte{9})});
  CHECK(blk.trailerOf(command) ==
        Trailer{.errors = 2, .dataLength = 256, .senseLength = 18, .residual = 256});
  CHECK(blk.at(command.sense)[17] == std::byte{9});
  CHECK(blk.statusOf(command) == VIRTIO_BLK_S_OK);

  // More than there is room for, of both.
  blk.run(command, {.status = 2,
                    .sense = std::vector<std::byte>(252, std::byte{3}),
                    .dataIn = std::vector<std::byte>(300, std::byte{4})});
  CHECK(blk.trailerOf(command).senseLength == 96);
  CHECK(blk.trailerOf(command).residual == 0);

  const Command refused = blk.make({0x5f}, 24, 0);
  blk.run(refused, {.status = 0x18});
  CHECK(blk.trailerOf(refused) ==
        Trailer{.errors = 0x18, .dataLength = 24, .senseLength = 0, .residual = 24});
}

TEST_CASE("passthrough: commands that move blocks are refused: this device has requests for that") {
  Passthrough blk;
  const Command command = blk.make({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, 0, 512);
  blk.run(command, {.natively = true});
  CHECK(blk.trailerOf(command).errors == 2);
  CHECK(blk.at(command.sense)[2] == std::byte{5});
  CHECK(blk.at(command.sense)[12] == std::byte{0x20});
}

TEST_CASE("passthrough: chains of every wrong form are I/O errors, and nobody is asked") {
  Passthrough blk;
  const Command whole = blk.make({0x12, 0, 0, 0, 36, 0}, 0, 36);
  const auto cut = [](Buffer buffer, uint32_t size) {
    buffer.size = size;
    return buffer;
  };
  const std::vector<std::vector<Buffer>> chains = {
      {whole.header, whole.status},
      {whole.header, whole.cdb, whole.status},
      {whole.header, whole.cdb, whole.trailer, whole.status},
      {whole.header, whole.cdb, cut(whole.sense, 95), whole.trailer, whole.status},
      {whole.header, whole.sense, whole.trailer, whole.status},
      {cut(whole.header, 15), cut(whole.cdb, 1), whole.cdb, whole.sense, whole.trailer,
       whole.status},
      {whole.header, Buffer{whole.sense.guestAddr, 33, false}, whole.sense, whole.trailer,
       whole.status},
      {whole.header, whole.cdb, Buffer{whole.dataIn.guestAddr, 36, false}, whole.dataIn,
       whole.sense, whole.trailer, whole.status}};
  for (const auto& chain : chains) CHECK(blk.send(chain, whole.status) == VIRTIO_BLK_S_IOERR);
  CHECK(blk.plane().silent());
  blk.run(whole, {.status = 0});
  CHECK(blk.statusOf(whole) == VIRTIO_BLK_S_OK);
}

TEST_CASE("passthrough: full and timed out: each has its SCSI status") {
  Passthrough blk({.slots = 1, .commandTimeout = 30 * kMillisecond});
  const Command first = blk.make({0x12, 0, 0, 0, 36, 0}, 0, 36);
  const Command second = blk.make({0x12, 0, 0, 0, 36, 0}, 0, 36);
  for (const Command& command : {first, second})
    REQUIRE(blk.driver().queue(0).ring().add(command.chain()).has_value());
  blk.driver().queue(0).publish();
  REQUIRE(blk.driver().queue(0).popWait().ok());
  CHECK(blk.trailerOf(second).errors == 0x28);  // TASK SET FULL
  REQUIRE(blk.driver().queue(0).popWait().ok());
  CHECK(blk.trailerOf(first).errors == 2);
  CHECK(blk.at(first.sense)[2] == std::byte{0x0b});
  CHECK(blk.at(first.sense)[12] == std::byte{0x08});
  CHECK(blk.at(first.sense)[13] == std::byte{0x01});
}

TEST_CASE("passthrough: a command that a stop cuts off is BUSY") {
  Passthrough blk({}, 10 * kMillisecond);
  const Command command = blk.make({0x12, 0, 0, 0, 36, 0}, 0, 36);
  REQUIRE(blk.driver().queue(0).ring().add(command.chain()).has_value());
  blk.driver().queue(0).publish();
  blk.plane().next();
  REQUIRE(blk.driver().queue(0).stop(blk.driver().connection()).ok());
  CHECK(blk.trailerOf(command).errors == 0x08);
}

TEST_CASE("passthrough: not offered, or not negotiated: unsupported, as ever") {
  const auto send = [](BlkDriver& driver) {
    auto request = driver.makeRequest(kScsiCommand, 0, 512, true);
    REQUIRE(request.ok());
    REQUIRE(
        driver.submitAndWait(std::vector{request->header, request->data, request->status}).ok());
    return driver.statusOf(*request);
  };
  {
    BlkFixture fixture;
    auto driver = fixture.driver();
    CHECK_FALSE(driver->hasFeature(7));
    CHECK(send(*driver) == VIRTIO_BLK_S_UNSUPP);
  }
  ControlPlane plane;
  BlkFixture fixture({.mailbox = &plane.mailbox()});
  auto driver = fixture.driver({.features = ~(1ULL << 7)});
  CHECK(send(*driver) == VIRTIO_BLK_S_UNSUPP);
}
