#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "session_fixture.h"

namespace holdfast::test {
namespace {

constexpr uint32_t kConfigChange = 2;

/// A GET_CONFIG or SET_CONFIG as bytes, with `carried` bytes behind its header.
std::vector<std::byte> configMessage(uint32_t offset, uint32_t size, size_t carried) {
  std::vector<std::byte> payload(sizeof(frontend::ConfigHeader) + carried);
  const frontend::ConfigHeader header{offset, size, 0};
  std::memcpy(payload.data(), &header, sizeof header);
  return payload;
}

size_t repliedBytes(SessionRun& run, const std::vector<std::byte>& payload) {
  const auto reply = run.front().request(Request::kGetConfig, payload);
  REQUIRE(reply.ok());
  return reply->payload.size();
}

TEST_CASE("session: GET_CONFIG answers the size asked, with zeros behind the device's config") {
  FakeDevice device;
  SessionRun run(device);
  const auto whole = run.front().getConfig(0, 256);
  REQUIRE(whole.ok());
  for (size_t i = 0; i < 256; ++i) CHECK((*whole)[i] == std::byte(i < 60 ? 0x5a : 0));
  const auto part = run.front().getConfig(56, 8);
  REQUIRE(part.ok());
  CHECK((*part)[3] == std::byte{0x5a});
  CHECK((*part)[4] == std::byte{0});
}

TEST_CASE("session: nothing of an earlier message or reply shows in a GET_CONFIG's reply") {
  FakeDevice device;
  SessionRun run(device);
  std::vector<std::byte> noise = configMessage(0, 256, 256);
  std::fill(noise.begin() + sizeof(frontend::ConfigHeader), noise.end(), std::byte{0xee});
  const auto reply = run.front().request(Request::kGetConfig, noise);
  REQUIRE(reply.ok());
  for (const std::byte byte : std::span(reply->payload).subspan(sizeof(frontend::ConfigHeader)))
    CHECK(byte != std::byte{0xee});
}

TEST_CASE("session: GET_CONFIG may come without room for the answer") {
  FakeDevice device;
  SessionRun run(device);
  CHECK(repliedBytes(run, configMessage(0, 60, 0)) == sizeof(frontend::ConfigHeader) + 60);
  CHECK(repliedBytes(run, configMessage(256, 0, 0)) == sizeof(frontend::ConfigHeader));
}

TEST_CASE("session: a GET_CONFIG that fails is answered with a payload of zero length") {
  FakeDevice device;
  SessionRun run(device);
  SUBCASE("past the end") {
    CHECK(repliedBytes(run, configMessage(1, 256, 256)) == 0);
  }
  SUBCASE("longer than 256") {
    CHECK(repliedBytes(run, configMessage(0, 257, 0)) == 0);
  }
  SUBCASE("offset plus size wraps") {
    CHECK(repliedBytes(run, configMessage(~0U, 16, 16)) == 0);
    CHECK(repliedBytes(run, configMessage(16, ~0U, 16)) == 0);
  }
  SUBCASE("size and payload differ") {
    CHECK(repliedBytes(run, configMessage(0, 60, 59)) == 0);
  }
  SUBCASE("no room for its own header") {
    CHECK(repliedBytes(run, std::vector<std::byte>(11)) == 0);
    CHECK(repliedBytes(run, {}) == 0);
  }
  run.settle();
}

TEST_CASE("session: GET_CONFIG of a device without config space is answered with zero length") {
  FakeDevice device;
  device.offeredProtocolFeatures = 0;
  SessionRun run(device);
  CHECK(repliedBytes(run, configMessage(0, 60, 60)) == 0);
}

TEST_CASE("session: SET_CONFIG writes through to the device") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  const std::byte one[] = {std::byte{1}};
  CHECK(run.front().setConfig(32, one).ok());
  CHECK(device.takeCalls().back() == "writeConfig 32");
  CHECK((*run.front().getConfig(32, 1))[0] == std::byte{1});
}

TEST_CASE("session: a SET_CONFIG out of range or of another size than it says is refused") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  device.takeCalls();
  Connection& front = run.front();
  CHECK_FALSE(front.command(Request::kSetConfig, configMessage(256, 1, 1)).ok());
  CHECK_FALSE(front.command(Request::kSetConfig, configMessage(~0U, 1, 1)).ok());
  CHECK_FALSE(front.command(Request::kSetConfig, configMessage(0, 2, 1)).ok());
  CHECK_FALSE(front.command(Request::kSetConfig, configMessage(0, 1, 2)).ok());
  CHECK_FALSE(front.command(Request::kSetConfig, {}).ok());
  CHECK(device.takeCalls().empty());
}

TEST_CASE("session: a SET_CONFIG with flags that mean nothing is refused") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  device.takeCalls();
  const std::byte one[] = {std::byte{1}};
  CHECK_FALSE(run.front().setConfig(32, one, 2).ok());
  CHECK_FALSE(run.front().setConfig(32, one, ~0U).ok());
  CHECK(device.takeCalls().empty());
  CHECK(run.front().setConfig(32, one, 1).ok());
}

// --- CONFIG_CHANGE

/// A session with a back end's channel whose front end knows the config space, and one ring.
class ConfigRun : public SessionRun {
 public:
  explicit ConfigRun(FakeDevice& device) : SessionRun(device), device_(device) {
    negotiate();
    auto opened = front().openBackendChannel();
    REQUIRE(opened.ok());
    channel = std::move(*opened);
    shareMemory();
  }
  void startEnabled(uint32_t index) {
    startRing(index);
    REQUIRE(front().setVringEnable(index, true).ok());
  }
  void expectChange() {
    const auto message = channel.receive();
    REQUIRE(message.ok());
    CHECK(message->request == kConfigChange);
    CHECK(message->flags == kVersion);  // no NEED_REPLY
    CHECK(message->payload.empty());
  }
  /// While a ring runs: the session had its chance to say something, and said nothing.
  void expectSilence() {
    device_.notifyAndWaitUntilRead();
    settle();
    CHECK_FALSE(channel.readable());
  }
  void expectChangeOnce() {
    expectChange();
    REQUIRE(front().getConfig(0, 60).ok());
    expectSilence();
  }

  MessageSocket channel;

 private:
  FakeDevice& device_;
};

TEST_CASE("session: a change is told while a ring runs, without waiting for an answer") {
  FakeDevice device;
  ConfigRun run(device);
  REQUIRE(run.front().getConfig(0, 60).ok());
  run.startEnabled(0);
  run.expectSilence();

  device.setConfigByte(0, 1);
  device.notifyConfigChanged();
  run.expectChange();
  // QEMU asks while it handles the message.
  const auto config = run.front().getConfig(0, 60);
  REQUIRE(config.ok());
  CHECK((*config)[0] == std::byte{1});
  run.expectSilence();
}

TEST_CASE("session: no change is told that the front end has read meanwhile") {
  FakeDevice device;
  ConfigRun run(device);
  REQUIRE(run.front().getConfig(0, 60).ok());
  run.startEnabled(0);
  device.hold("enable 1");
  REQUIRE(run.socket()
              .send(uint32_t(Request::kSetVringEnable), kVersion | kNeedReplyFlag,
                    bytesOf(VringState{1, 1}))
              .ok());
  device.waitUntilHeld();
  device.setConfigByte(0, 1);
  device.notifyConfigChanged();
  REQUIRE(
      run.socket().send(uint32_t(Request::kGetConfig), kVersion, configMessage(0, 60, 60)).ok());
  device.release();
  REQUIRE(run.front().receiveReply(Request::kSetVringEnable).ok());
  REQUIRE(run.front().receiveReply(Request::kGetConfig).ok());
  run.expectSilence();
}

TEST_CASE("session: a byte the front end never read may change untold, one it read may not") {
  FakeDevice device;
  ConfigRun run(device);
  REQUIRE(run.front().getConfig(0, 8).ok());
  run.startEnabled(0);
  run.expectSilence();
  device.setConfigByte(8, 1);
  device.notifyConfigChanged();
  run.expectSilence();
  device.setConfigByte(7, 1);
  device.notifyConfigChanged();
  run.expectChange();
}

TEST_CASE("session: what the front end wrote itself is no news to it") {
  FakeDevice device;
  ConfigRun run(device);
  REQUIRE(run.front().getConfig(0, 60).ok());
  const std::byte one[] = {std::byte{1}};
  REQUIRE(run.front().setConfig(32, one).ok());
  run.startEnabled(0);
  run.expectSilence();
}

TEST_CASE("session: nothing is told while all rings are stopped, but once one runs again") {
  FakeDevice device;
  ConfigRun run(device);
  REQUIRE(run.front().getConfig(0, 60).ok());
  SUBCASE("before the first start") {}
  SUBCASE("after a stop") {
    run.startEnabled(0);
    run.expectSilence();
    REQUIRE(run.front().getVringBase(0).ok());
  }
  device.setConfigByte(0, 1);
  device.notifyConfigChanged();
  run.settle();
  run.startEnabled(0);
  run.expectChangeOnce();
}

TEST_CASE("session: a front end that reads nothing after connecting is told at its first start") {
  FakeDevice device;
  ConfigRun run(device);
  run.startEnabled(0);
  run.expectChangeOnce();
  run.startEnabled(1);
  run.expectSilence();
}

TEST_CASE("session: a change that came while nobody was connected is told to the next") {
  FakeDevice device;
  {
    ConfigRun run(device);
    REQUIRE(run.front().getConfig(0, 60).ok());
    run.startEnabled(0);
    run.expectSilence();
  }
  device.setConfigByte(0, 1);
  ConfigRun next(device);
  next.startEnabled(0);
  next.expectChangeOnce();
}

TEST_CASE("session: nothing is told between the requests of a front end that doesn't pause") {
  // QEMU 7.2 would take the reply it waits for as the one to the GET_CONFIG it answers with.
  FakeDevice device;
  ConfigRun run(device);
  run.startRing(0);
  device.hold("enable 0");
  run.front().setAskForReplies(false);
  REQUIRE(run.front().setVringEnable(0, true).ok());
  device.waitUntilHeld();
  REQUIRE(run.front().setVringEnable(1, true).ok());
  device.hold("enable 1");
  device.waitUntilHeld();
  CHECK_FALSE(run.channel.readable());
  device.release();
  run.expectChange();
}

TEST_CASE("session: nothing is told without a channel or without CONFIG") {
  FakeDevice device;
  SUBCASE("no channel") {
    SessionRun run(device);
    run.negotiate();
    run.shareMemory();
    run.startRing(0);
    REQUIRE(run.front().setVringEnable(0, true).ok());
    device.notifyConfigChanged();
    run.settle();
    CHECK(run.stop().ok());
    CHECK(run.warnings().empty());
  }
  SUBCASE("CONFIG not acknowledged") {
    ConfigRun run(device);
    REQUIRE(run.front().setProtocolFeatures(feature::kReplyAck | feature::kBackendReq).ok());
    run.startEnabled(0);
    run.settle();
    run.settle();
    CHECK_FALSE(run.channel.readable());
  }
}

TEST_CASE("session: user-mode Linux's back end channel is a pipe") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  UniqueFd readEnd(ends[0]), writeEnd(ends[1]);
  const int fd = writeEnd.get();
  REQUIRE(run.front().command(Request::kSetBackendReqFd, {}, std::span(&fd, 1)).ok());
  writeEnd.reset();

  REQUIRE(run.front().getConfig(0, 60).ok());
  run.startRing(0);
  REQUIRE(run.front().setVringEnable(0, true).ok());
  device.setConfigByte(0, 1);

  SUBCASE("it is told there") {
    device.notifyConfigChanged();
    pollfd message{readEnd.get(), POLLIN, 0};
    REQUIRE(::poll(&message, 1, int(MessageSocket::kDefaultTimeout.count())) == 1);
    uint32_t header[3];
    REQUIRE(::read(readEnd.get(), header, sizeof header) == sizeof header);
    CHECK(header[0] == kConfigChange);
    CHECK(header[1] == kVersion);
    CHECK(header[2] == 0);
  }
  SUBCASE("a reader that is gone raises no signal") {
    readEnd.reset();
    device.notifyAndWaitUntilRead();
    CHECK(run.stop().ok());
    REQUIRE_FALSE(run.warnings().empty());
    CHECK(run.warnings()[0] ==
          "cannot tell the front end that the config space changed: Broken pipe");
  }
}

TEST_CASE("session: a front end that doesn't read its back end channel holds nothing up") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  REQUIRE(run.front().getConfig(0, 60).ok());
  run.startRing(0);
  REQUIRE(run.front().setVringEnable(0, true).ok());
  UniqueFd theirs, ours;
  SUBCASE("a pipe") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    ours.reset(ends[0]);
    theirs.reset(ends[1]);
    REQUIRE(::fcntl(theirs.get(), F_SETPIPE_SZ, 4096) >= 0);
  }
  SUBCASE("a socket") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    ours.reset(ends[0]);
    theirs.reset(ends[1]);
    const int size = 0;  // the least there is
    REQUIRE(::setsockopt(theirs.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
  }
  const int fd = theirs.get();
  REQUIRE(run.front().command(Request::kSetBackendReqFd, {}, std::span(&fd, 1)).ok());
  device.setConfigByte(0, 1);
  for (int i = 0; i < 4096 / 12 + 2; ++i) device.notifyAndWaitUntilRead();
  run.settle();
  CHECK(run.stop().ok());
  REQUIRE_FALSE(run.warnings().empty());
  CHECK(run.warnings()[0].find("Resource temporarily unavailable") != std::string::npos);
}

TEST_CASE("session: the back end channel is a socket or a pipe, and there is one") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  const int eventFd = run.stopFd();
  CHECK_FALSE(run.front().command(Request::kSetBackendReqFd, {}, std::span(&eventFd, 1)).ok());
  CHECK_FALSE(run.front().command(Request::kSetBackendReqFd).ok());
}

TEST_CASE("session: changes from another thread while requests are served") {
  FakeDevice device;
  ConfigRun run(device);
  run.startEnabled(0);
  std::thread notifier([&] {
    for (int i = 0; i < 2000; ++i) {
      device.setConfigByte(0, static_cast<uint8_t>(i + 1));
      device.notifyConfigChanged();
    }
  });
  for (int i = 0; i < 500; ++i) CHECK(run.front().getConfig(0, 60).ok());
  notifier.join();
  device.setConfigByte(1, 0);
  device.notifyConfigChanged();
  run.expectChange();
}

}  // namespace
}  // namespace holdfast::test
