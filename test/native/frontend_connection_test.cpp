#include <doctest/doctest.h>
#include <sys/eventfd.h>

#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "frontend/blk_driver.h"
#include "frontend/connection.h"
#include "frontend_ram_back_end.h"

namespace holdfast::frontend {
namespace {

/// A connection whose other end the test plays itself.
struct Peers {
  Connection frontend;
  MessageSocket backend;

  static Peers make() {
    auto pair = MessageSocket::makePair();
    REQUIRE(pair.ok());
    return {Connection(std::move(pair->first)), MessageSocket(std::move(pair->second))};
  }
  void acknowledge(Request request, uint64_t value) {
    REQUIRE(backend.send(uint32_t(request), kVersion | kReplyFlag, bytesOf(value)).ok());
  }
};

uint8_t statusOf(const Result<uint8_t>& result) {
  REQUIRE(result.ok());
  return *result;
}

TEST_CASE("connection: a message without a reply is header and payload") {
  Peers peers = Peers::make();
  REQUIRE(peers.frontend.setVringNum(3, 256).ok());
  const auto message = peers.backend.receive();
  REQUIRE(message.ok());
  CHECK(message->request == 8);
  CHECK(message->flags == 1);
  const auto* state = message->as<VringState>();
  REQUIRE(state != nullptr);
  CHECK(state->index == 3);
  CHECK(state->value == 256);
}

TEST_CASE("connection: asked for replies it flags NEED_REPLY and takes a refusal as an error") {
  Peers peers = Peers::make();
  peers.frontend.setAskForReplies(true);
  peers.acknowledge(Request::kSetVringEnable, 0);
  CHECK(peers.frontend.setVringEnable(0, true).ok());
  CHECK(peers.backend.receive()->flags == (kVersion | kNeedReplyFlag));

  peers.acknowledge(Request::kSetVringEnable, 5);
  CHECK(peers.frontend.setVringEnable(0, true).error().code == EREMOTEIO);
}

TEST_CASE("connection: the reply to another message is an error") {
  Peers peers = Peers::make();
  peers.acknowledge(Request::kGetQueueNum, 1);
  CHECK(peers.frontend.getFeatures().error().code == EREMOTEIO);
}

TEST_CASE("connection: fds travel with a message; a missing one is said in the payload") {
  Peers peers = Peers::make();
  const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
  REQUIRE(peers.frontend.setVringKick(2, event.get()).ok());
  const auto withFd = peers.backend.receive();
  REQUIRE(withFd->fds.size() == 1);
  CHECK(*withFd->as<uint64_t>() == 2);
  ::eventfd_write(withFd->fds[0].get(), 9);
  eventfd_t count = 0;
  ::eventfd_read(event.get(), &count);
  CHECK(count == 9);

  REQUIRE(peers.frontend.setVringKick(2, -1).ok());
  const auto withoutFd = peers.backend.receive();
  CHECK(withoutFd->fds.empty());
  CHECK(*withoutFd->as<uint64_t>() == (2 | kNoFd));
}

TEST_CASE("connection: the memory table carries every region and file") {
  Peers peers = Peers::make();
  GuestMemory memory;
  REQUIRE(memory.addRegion(0, 0x1000).ok());
  REQUIRE(memory.addRegion(0x100000, 0x2000).ok());
  REQUIRE(peers.frontend.setMemTable(memory.descriptions(), memory.files()).ok());
  const auto message = peers.backend.receive();
  REQUIRE(message->payload.size() == 8 + 2 * 32);
  CHECK(message->fds.size() == 2);
  RegionDescription second;
  std::memcpy(&second, message->payload.data() + 8 + 32, sizeof second);
  CHECK(second == memory.descriptions()[1]);
}

TEST_CASE("connection: every way to end is told apart") {
  Peers peers = Peers::make();
  peers.frontend.socket().setTimeout(std::chrono::milliseconds(1));
  CHECK(peers.frontend.getFeatures().error().code == ETIMEDOUT);
  CHECK(peers.frontend.socket().waitClosed().error().code == ETIMEDOUT);

  const MessageHeader huge{1, kVersion | kReplyFlag, 0xffffffff};
  REQUIRE(peers.backend.sendRaw(bytesOf(huge)).ok());
  CHECK(peers.frontend.getFeatures().error().code == EBADMSG);

  REQUIRE(peers.backend.sendRaw(bytesOf(huge)).ok());
  CHECK(peers.frontend.socket().readable());
  CHECK(peers.frontend.socket().waitClosed().error().code == EBUSY);

  Peers closing = Peers::make();
  closing.backend.close();
  CHECK(closing.frontend.socket().waitClosed().ok());
  CHECK(closing.frontend.setOwner().error().code == EPIPE);
  CHECK(closing.frontend.socket().receive().error().code == ECONNRESET);
}

TEST_CASE("connection: a path that nobody listens on, or too long") {
  CHECK(Connection::connect("/nonexistent/socket").error().code == ENOENT);
  CHECK(Connection::connect(std::string(200, 'x')).error().code == ENAMETOOLONG);
}

TEST_CASE("blk driver: every operation against a back end in memory") {
  RamBackEnd backEnd(1 << 20);
  auto opened = BlkDriver::openAndStart(backEnd.socketPath(), {.numQueues = 2});
  REQUIRE(opened.ok());
  BlkDriver& driver = **opened;
  CHECK(driver.hasFeature(kFeatureEventIndex));
  const uint64_t capacity = driver.config()->capacity;
  CHECK(capacity == 2048);

  std::vector<std::byte> written(4096, std::byte{0x5a});
  std::vector<std::byte> read(4096);
  for (uint16_t queue = 0; queue < 2; ++queue) {
    const uint64_t sector = 8 + queue * 8;
    CHECK(statusOf(driver.write(sector, written, queue)) == VIRTIO_BLK_S_OK);
    CHECK(statusOf(driver.read(sector, read, queue)) == VIRTIO_BLK_S_OK);
    CHECK(read == written);
  }
  CHECK(statusOf(driver.flush()) == VIRTIO_BLK_S_OK);
  std::array<std::byte, 20> id{};
  CHECK(statusOf(driver.getId(id)) == VIRTIO_BLK_S_OK);
  CHECK(id[19] == std::byte{'r'});
  std::vector<std::byte> tooMuch(2 << 20);
  CHECK(driver.read(0, tooMuch).error().code == EMSGSIZE);
}

TEST_CASE("blk driver: a stopped queue goes on where it was") {
  RamBackEnd backEnd(1 << 20);
  auto opened = BlkDriver::openAndStart(backEnd.socketPath());
  REQUIRE(opened.ok());
  BlkDriver& driver = **opened;
  for (int i = 0; i < 3; ++i) CHECK(statusOf(driver.flush()) == VIRTIO_BLK_S_OK);
  CHECK(*driver.queue(0).stop(driver.connection()) == 3);
  REQUIRE(driver.queue(0).start(driver.connection()).ok());
  CHECK(statusOf(driver.flush()) == VIRTIO_BLK_S_OK);
  CHECK(*driver.queue(0).stop(driver.connection()) == 4);
}

TEST_CASE("blk driver: what the back end refuses or lacks") {
  RamBackEnd backEnd(1 << 20);
  auto tooMany = BlkDriver::open(backEnd.socketPath(), {.numQueues = 5});
  CHECK(tooMany.error().code == EINVAL);

  RamBackEnd other(1 << 20);
  auto opened = BlkDriver::openAndStart(other.socketPath());
  REQUIRE(opened.ok());
  CHECK((*opened)->connection().resetOwner().error().code == EREMOTEIO);
}

TEST_CASE("blk driver: a status byte that the device never wrote is seen") {
  RamBackEnd backEnd(1 << 20);
  auto opened = BlkDriver::openAndStart(backEnd.socketPath());
  REQUIRE(opened.ok());
  BlkDriver& driver = **opened;
  const auto request = driver.makeRequest(VIRTIO_BLK_T_IN, 0, 512, true);
  REQUIRE(request.ok());
  CHECK(driver.statusOf(*request) == BlkDriver::kNoStatus);
  const std::array chain = {request->header, request->data, request->status};
  const auto used = driver.submitAndWait(chain);
  REQUIRE(used.ok());
  CHECK(used->writtenBytes == 513);
  CHECK(driver.statusOf(*request) == VIRTIO_BLK_S_OK);
}

}  // namespace
}  // namespace holdfast::frontend
