#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "frontend/ring.h"
#include "hostile_run.h"

namespace holdfast::test {
namespace {

using Bytes = std::vector<std::byte>;

struct Form {
  Request request;
  size_t size;  // of its payload; the least, where it may vary
  bool exact = true;
  size_t fds = 0;
};

/// Every request that is acknowledged rather than replied to.
const Form kAcknowledged[] = {
    {Request::kSetFeatures, 8},
    {Request::kSetOwner, 0},
    {Request::kResetOwner, 0},
    {Request::kSetMemTable, 8, false, 32},
    {Request::kSetLogFd, 0, false, 1},
    {Request::kSetVringNum, 8},
    {Request::kSetVringAddr, 40},
    {Request::kSetVringBase, 8},
    {Request::kSetVringKick, 8, true, 1},
    {Request::kSetVringCall, 8, true, 1},
    {Request::kSetVringErr, 8, true, 1},
    {Request::kSetProtocolFeatures, 8},
    {Request::kSetVringEnable, 8},
    {Request::kSetBackendReqFd, 0, true, 1},
    {Request::kSetConfig, 12, false},
    {Request::kResetDevice, 0},
    {Request::kAddMemReg, 40, true, 1},
    {Request::kRemMemReg, 40, true, 1},
};

const Form kReplied[] = {
    {Request::kGetFeatures, 0}, {Request::kGetVringBase, 8},   {Request::kGetProtocolFeatures, 0},
    {Request::kGetQueueNum, 0}, {Request::kGetMaxMemSlots, 0}, {Request::kSetLogBase, 16, true, 1},
};

TEST_CASE("hostile session: a payload of the wrong size is refused, for every message") {
  FakeDevice device;
  HostileRun run(device);
  for (const Form& form : kAcknowledged) {
    CAPTURE(uint32_t(form.request));
    if (form.exact) CHECK_FALSE(run.ask(form.request, Bytes(form.size + 1)).ok());
    if (form.size > 0) CHECK_FALSE(run.ask(form.request, Bytes(form.size - 1)).ok());
    if (form.size > 0) CHECK_FALSE(run.ask(form.request, {}).ok());
  }
  CHECK(device.takeCalls().empty());
}

TEST_CASE("hostile session: a wrong size ends the connection where a reply can't say so") {
  for (const Form& form : kReplied) {
    CAPTURE(uint32_t(form.request));
    FakeDevice device;
    HostileRun run(device);
    const Bytes payload(form.size + 1);
    REQUIRE(run.socket().send(uint32_t(form.request), kVersion | kNeedReplyFlag, payload).ok());
    const std::string reason = run.endReason();
    CHECK_MESSAGE(
        reason.find(" refused: a payload of " + std::to_string(form.size + 1)) != std::string::npos,
        reason);
  }
}

TEST_CASE("hostile session: fds too many are refused and closed, for every message") {
  FakeDevice device;
  HostileRun run(device);
  const std::vector<int> fds(32, run.stopFd());
  const size_t before = openFds();
  for (const Form& form : kAcknowledged) {
    if (form.fds == 32) continue;
    CAPTURE(uint32_t(form.request));
    CHECK_FALSE(run.ask(form.request, Bytes(form.size), std::span(fds).first(form.fds + 1)).ok());
    CHECK_FALSE(run.ask(form.request, Bytes(form.size), fds).ok());
  }
  run.settle();
  CHECK(openFds() == before);
  CHECK(device.takeCalls().empty());
}

TEST_CASE("hostile session: an fd is missing, or comes although none was announced") {
  FakeDevice device;
  HostileRun run(device);
  const uint64_t withFd = 1, without = 1 | frontend::kNoFd;
  const int fd = run.stopFd();
  for (const Request request :
       {Request::kSetVringKick, Request::kSetVringCall, Request::kSetVringErr}) {
    CAPTURE(uint32_t(request));
    CHECK_FALSE(run.front().command(request, bytesOf(withFd)).ok());
    CHECK_FALSE(run.front().command(request, bytesOf(without), std::span(&fd, 1)).ok());
  }
  CHECK(device.takeCalls().empty());
}

TEST_CASE("hostile session: a queue that doesn't exist, for every message that names one") {
  FakeDevice device;
  HostileRun run(device);
  for (const uint32_t index : {4U, 232U, 256U, 1000U, 65536U, 0x8000'0000U, ~0U}) {
    CAPTURE(index);
    CHECK_FALSE(run.front().setVringNum(index, 128).ok());
    CHECK_FALSE(run.front().setVringAddr({.index = index}).ok());
    CHECK_FALSE(run.front().setVringBase(index, 0).ok());
    CHECK_FALSE(run.front().setVringEnable(index, true).ok());
    if (index == 256) continue;  // it means: queue 0, no fd
    CHECK_FALSE(run.front().setVringKick(index, -1).ok());
    CHECK_FALSE(run.front().setVringCall(index, -1).ok());
    CHECK_FALSE(run.front().setVringErr(index, -1).ok());
  }
  const uint64_t wide[] = {1ULL << 9, 1ULL << 32, 1ULL << 63};
  for (const uint64_t bits : wide)
    CHECK_FALSE(run.front().command(Request::kSetVringCall, bytesOf(bits | frontend::kNoFd)).ok());
  CHECK(device.takeCalls().empty());
  CHECK(run.front().getVringBase(4).error().code == ECONNRESET);
  CHECK(run.endReason() == "GET_VRING_BASE refused: there is no queue 4, only 4");
}

TEST_CASE("hostile session: a ring size that no ring has") {
  FakeDevice device;
  HostileRun run(device);
  for (const uint32_t size : {0U, 3U, 127U, 32769U, 65535U, 65536U, 0x8000'0000U, ~0U}) {
    CAPTURE(size);
    CHECK_FALSE(run.front().setVringNum(1, size).ok());
  }
  for (const uint32_t size : {1U, 2U, 32768U, 128U, 128U}) {
    CAPTURE(size);
    CHECK(run.front().setVringNum(1, size).ok());
  }
}

TEST_CASE("hostile session: a base that no split ring has, and an ENABLE of neither 0 nor 1") {
  FakeDevice device;
  HostileRun run(device);
  CHECK_FALSE(run.front().setVringBase(1, 65536).ok());
  CHECK_FALSE(run.front()
                  .command(Request::kSetVringEnable, bytesOf(VringState{.index = 1, .value = 2}))
                  .ok());
  CHECK(device.takeCalls().empty());
}

TEST_CASE("hostile session: with packed rings negotiated, sizes and bases are theirs") {
  FakeDevice device;
  HostileRun run(device);
  REQUIRE(run.front().setFeatures(kProtocolFeaturesBit | 1ULL << frontend::kFeaturePacked).ok());
  for (const uint32_t size : {0U, 32769U, ~0U}) CHECK_FALSE(run.front().setVringNum(1, size).ok());
  for (const uint32_t size : {1U, 3U, 100U, 32768U}) CHECK(run.front().setVringNum(1, size).ok());
  CHECK(run.front().setVringBase(1, ~0U).ok());
}

// --- the stream itself

TEST_CASE("hostile session: a header that isn't one ends the connection with its reason") {
  FakeDevice device;
  HostileRun run(device);
  std::string why;
  SUBCASE("version 0") {
    run.sendHeader(1, 0, 0);
    why = "the front end sent GET_FEATURES of protocol version 0, not 1";
  }
  SUBCASE("version 3") {
    run.sendHeader(1, 3, 0);
    why = "the front end sent GET_FEATURES of protocol version 3, not 1";
  }
  SUBCASE("a reply") {
    run.sendHeader(1, kVersion | kReplyFlag, 0);
    why = "the front end sent a reply (GET_FEATURES) where a request belongs";
  }
  SUBCASE("a payload longer than any message's") {
    run.sendHeader(5, kVersion, 1033);
    why =
        "the front end sent SET_MEM_TABLE with a payload of 1033 bytes, more than any message "
        "has";
  }
  SUBCASE("a payload of 4 GiB") {
    run.sendHeader(77, kVersion, ~0U);
    why =
        "the front end sent message 77 with a payload of 4294967295 bytes, more than any message "
        "has";
  }
  CHECK(run.endReason() == why);
  CHECK(run.socket().waitClosed().ok());
  CHECK(device.takeCalls() == std::vector<std::string>{"disconnected"});
}

TEST_CASE("hostile session: a message that is cut off") {
  FakeDevice device;
  HostileRun run(device);
  SUBCASE("within its header") {
    REQUIRE(run.socket().sendRaw(Bytes(11)).ok());
    run.socket().close();
    CHECK(run.endReason() == "the front end sent only a part of a message and closed");
  }
  SUBCASE("before its payload") {
    run.sendHeader(8, kVersion, 8);
    run.socket().close();
    CHECK(run.endReason() == "the front end sent only a part of SET_VRING_NUM and closed");
  }
  SUBCASE("within its payload, and the session is stopped") {
    run.sendHeader(8, kVersion, 8);
    REQUIRE(run.socket().sendRaw(Bytes(7)).ok());
    CHECK(run.stop().ok());
  }
}

TEST_CASE("hostile session: a message in pieces of one byte is still a message") {
  FakeDevice device;
  HostileRun run(device);
  const EventFd call;
  const frontend::MessageHeader header{uint32_t(Request::kSetVringCall), kVersion | kNeedReplyFlag,
                                       8};
  const uint64_t index = 2;
  const auto head = bytesOf(header), payload = bytesOf(index);
  const int fd = call.get();
  for (size_t i = 0; i < head.size(); ++i)
    REQUIRE(run.socket().sendRaw(head.subspan(i, 1), std::span(&fd, i == 0 ? 1 : 0)).ok());
  for (size_t i = 0; i < payload.size(); ++i)
    REQUIRE(run.socket().sendRaw(payload.subspan(i, 1)).ok());
  REQUIRE(run.front().receiveReply(Request::kSetVringCall).ok());
  CHECK(device.hadFd("setRingCall 2"));
}

TEST_CASE("hostile session: fds apart from their header end the connection") {
  FakeDevice device;
  HostileRun run(device);
  const size_t before = openFds();
  const uint64_t index = 2;
  const int fd = run.stopFd();
  run.sendHeader(uint32_t(Request::kSetVringCall), kVersion, 8);
  REQUIRE(run.socket().sendRaw(bytesOf(index), std::span(&fd, 1)).ok());
  CHECK(run.endReason() ==
        "the front end sent file descriptors apart from the header of their message");
  CHECK(openFds() < before);
}

TEST_CASE("hostile session: more fds than any message has") {
  FakeDevice device;
  HostileRun run(device);
  const std::vector<int> fds(253, run.stopFd());
  const size_t before = openFds();
  std::string why = "the front end sent more than 32 file descriptors at once";
  SUBCASE("at once") {
    REQUIRE(run.socket().send(uint32_t(Request::kSetMemTable), kVersion, Bytes(8), fds).ok());
    why += ", or more than this process may have open";
  }
  SUBCASE("one more") {
    REQUIRE(run.socket()
                .send(uint32_t(Request::kSetMemTable), kVersion, Bytes(8), std::span(fds).first(33))
                .ok());
    why += ", or more than this process may have open";
  }
  SUBCASE("with each byte of the header") {
    const frontend::MessageHeader header{uint32_t(Request::kSetMemTable), kVersion, 8};
    REQUIRE(run.socket().sendRaw(bytesOf(header).first(1), std::span(fds).first(32)).ok());
    REQUIRE(run.socket().sendRaw(bytesOf(header).subspan(1), std::span(fds).first(1)).ok());
  }
  CHECK(run.endReason() == why);
  CHECK(openFds() < before);
}

/// A connection whose session can have next to nothing on its way to the front end.
std::pair<MessageSocket, UniqueFd> narrowPair() {
  auto pair = SessionRun::makePair();
  const int size = 0;  // the least there is
  REQUIRE(::setsockopt(pair.second.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
  return pair;
}

/// Asks, on a narrowPair(), for as many replies as there is room for, and one more: that one waits.
void leaveRepliesUnread(SessionRun& run, FakeDevice& device) {
  const frontend::ConfigHeader wholeConfig{0, 256, 0};
  const Bytes reply(sizeof(frontend::MessageHeader) + sizeof wholeConfig + 256);
  unsigned room = 0;
  const auto measured = narrowPair();
  while (::send(measured.second.get(), reply.data(), reply.size(), MSG_DONTWAIT) > 0) ++room;
  for (unsigned i = 0; i <= room; ++i)
    REQUIRE(run.socket().send(uint32_t(Request::kGetConfig), kVersion, bytesOf(wholeConfig)).ok());
  device.waitUntilConfigIsRead(room + 1);
}

TEST_CASE("hostile session: replies that are never read don't keep the session from stopping") {
  FakeDevice device;
  SessionRun run(device, narrowPair());
  leaveRepliesUnread(run, device);
  CHECK(run.stop().error().code == ECANCELED);
  CHECK(device.takeCalls().back() == "disconnected");
}

TEST_CASE("hostile session: a message that doesn't go on, or unread replies, end the connection") {
  FakeDevice devices[3];
  HostileRun header(devices[0]), payload(devices[1]);
  SessionRun replies(devices[2], narrowPair());
  REQUIRE(header.socket().sendRaw(Bytes(11)).ok());
  payload.sendHeader(8, kVersion, 8);
  REQUIRE(payload.socket().sendRaw(Bytes(7)).ok());
  leaveRepliesUnread(replies, devices[2]);
  CHECK(header.endReason() == "the front end sent only a part of a message, and no more");
  CHECK(payload.endReason() == "the front end sent only a part of SET_VRING_NUM, and no more");
  CHECK(replies.endReason() == "the front end doesn't read its replies");
  for (FakeDevice& device : devices) CHECK(device.takeCalls().back() == "disconnected");
}

// --- messages nobody asked for

TEST_CASE("hostile session: requests that were never offered are refused by name") {
  FakeDevice device;
  HostileRun run(device);
  for (uint32_t id = 0; id < 200; ++id) {
    const bool served =
        std::any_of(std::begin(kAcknowledged), std::end(kAcknowledged),
                    [&](const Form& form) { return uint32_t(form.request) == id; }) ||
        std::any_of(std::begin(kReplied), std::end(kReplied),
                    [&](const Form& form) { return uint32_t(form.request) == id; }) ||
        id == uint32_t(Request::kGetConfig) || id == uint32_t(Request::kGetInflightFd);
    if (served) continue;
    CAPTURE(id);
    const std::vector<int> fds(2, run.stopFd());
    CHECK_FALSE(run.ask(Request{id}, Bytes(64), fds).ok());
  }
  CHECK(device.takeCalls().empty());
}

TEST_CASE("hostile session: without an acknowledgement they end the connection, with its reason") {
  FakeDevice device;
  HostileRun run(device);
  uint32_t id = 0;
  std::string name;
  SUBCASE("0") {
    name = "message 0";
  }
  SUBCASE("IOTLB") {
    id = 22, name = "IOTLB_MSG";
  }
  SUBCASE("POSTCOPY") {
    id = 28, name = "POSTCOPY_ADVISE";
  }
  SUBCASE("in-band KICK") {
    id = 35, name = "VRING_KICK";
  }
  SUBCASE("STATUS") {
    id = 40, name = "GET_STATUS";
  }
  SUBCASE("DEVICE_STATE") {
    id = 43, name = "CHECK_DEVICE_STATE";
  }
  SUBCASE("of the future") {
    id = 4096, name = "message 4096";
  }
  REQUIRE(run.socket().send(id, kVersion, Bytes(16)).ok());
  CHECK(run.endReason() == name + " refused: this back end doesn't offer it");
}

}  // namespace
}  // namespace holdfast::test
