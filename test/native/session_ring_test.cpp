#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session_fixture.h"

namespace holdfast::test {
namespace {

using Calls = std::vector<std::string>;

TEST_CASE("session: a ring starts at its KICK, with what NUM, BASE and ADDR said") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  REQUIRE(run.front().setVringNum(2, 256).ok());
  REQUIRE(run.front().setVringBase(2, 65535).ok());
  REQUIRE(run.front()
              .setVringAddr({.index = 2,
                             .flags = 1,
                             .descriptorAddr = 10,
                             .usedAddr = 20,
                             .availableAddr = 30,
                             .logAddr = 40})
              .ok());
  device.takeCalls();
  const EventFd kick;
  REQUIRE(run.front().setVringKick(2, kick.get()).ok());
  CHECK(device.takeCalls() == Calls{"startRing 2"});
  CHECK(device.hadFd("startRing 2"));
  const vhost_user::RingSetup setup = device.setupOf(2);
  CHECK(setup.size == 256);
  CHECK(setup.base == 65535);
  CHECK(setup.flags == 1);
  CHECK(setup.descriptorAddr == 10);
  CHECK(setup.usedAddr == 20);
  CHECK(setup.availableAddr == 30);
  CHECK(setup.logAddr == 40);
}

TEST_CASE("session: KICK without an fd starts a ring that is polled") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.setUpRing(0);
  CHECK(run.front().setVringKick(0, -1).ok());
  CHECK(device.takeCalls().back() == "startRing 0");
  CHECK_FALSE(device.hadFd("startRing 0"));
}

TEST_CASE("session: a second KICK stops the ring and goes on where it was, with the new fd") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.startRing(0);
  device.takeCalls();
  device.setBase(77);
  const EventFd other;
  CHECK(run.front().setVringKick(0, other.get()).ok());
  CHECK(device.takeCalls() == Calls{"stopRing 0", "startRing 0"});
  CHECK(device.setupOf(0).base == 77);
}

TEST_CASE("session: KICK before the ring has size or addresses is refused") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  CHECK_FALSE(run.front().setVringKick(0, -1).ok());
  SUBCASE("size alone") {
    REQUIRE(run.front().setVringNum(0, 128).ok());
  }
  SUBCASE("addresses alone") {
    REQUIRE(run.front().setVringAddr({.index = 0}).ok());
  }
  CHECK_FALSE(run.front().setVringKick(0, -1).ok());
  for (const std::string& call : device.takeCalls()) CHECK(call != "startRing 0");
  run.setUpRing(0);
  CHECK(run.front().setVringKick(0, -1).ok());
}

TEST_CASE("session: KICK without guest memory names the QEMU option that is missing") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.setUpRing(0);
  CHECK_FALSE(run.front().setVringKick(0, -1).ok());
  REQUIRE(run.stop().ok());
  REQUIRE(run.warnings().size() == 1);
  CHECK(run.warnings()[0].find("SET_VRING_KICK refused: there is no guest memory; ") == 0);
  CHECK(run.warnings()[0].find("memory-backend-memfd,id=mem,size=...,share=on") !=
        std::string::npos);
}

TEST_CASE("session: a ring that the device refuses isn't started") {
  FakeDevice device;
  device.refuse("startRing 0");
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.setUpRing(0);
  CHECK_FALSE(run.front().setVringKick(0, -1).ok());
  device.takeCalls();
  CHECK(*run.front().getVringBase(0) == 0);
  CHECK(device.takeCalls().empty());
}

// --- GET_VRING_BASE

TEST_CASE("session: GET_VRING_BASE stops the ring and returns the device's base") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.startRing(1);
  device.takeCalls();
  device.setBase(4711);
  CHECK(*run.front().getVringBase(1) == 4711);
  CHECK(device.takeCalls() == Calls{"stopRing 1"});
  SUBCASE("twice: the same, and the device isn't asked") {
    CHECK(*run.front().getVringBase(1) == 4711);
    CHECK(device.takeCalls().empty());
  }
  SUBCASE("a KICK resumes there") {
    REQUIRE(run.front().setVringKick(1, -1).ok());
    CHECK(device.setupOf(1).base == 4711);
  }
}

TEST_CASE("session: GET_VRING_BASE of a ring that never started returns its set-up base") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  REQUIRE(run.front().setVringBase(3, 12).ok());
  device.takeCalls();
  CHECK(*run.front().getVringBase(3) == 12);
  CHECK(*run.front().getVringBase(0) == 0);
  CHECK(device.takeCalls().empty());
}

TEST_CASE("session: GET_VRING_BASE is answered only when the ring has drained") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.startRing(0);
  device.hold("stopRing 0");
  REQUIRE(run.socket()
              .send(uint32_t(Request::kGetVringBase), kVersion, bytesOf(VringState{0, 0}))
              .ok());
  device.waitUntilHeld();
  CHECK_FALSE(run.socket().readable());
  device.release();
  CHECK(run.front().receiveReply(Request::kGetVringBase).ok());
}

TEST_CASE("session: the front end drops the connection while a ring drains") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.startRing(0);
  device.hold("stopRing 0");
  REQUIRE(run.socket()
              .send(uint32_t(Request::kGetVringBase), kVersion, bytesOf(VringState{0, 0}))
              .ok());
  device.waitUntilHeld();
  run.socket().close();
  device.release();
  (void)run.end();
  CHECK(device.takeCalls().back() == "disconnected");
}

// --- enabled

TEST_CASE("session: enabled is apart from started and outlives a stop") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  device.takeCalls();
  REQUIRE(run.front().setVringEnable(0, true).ok());
  CHECK(device.takeCalls() == Calls{"enable 0"});
  run.startRing(0);
  CHECK(device.takeCalls() == Calls{"startRing 0"});
  REQUIRE(run.front().getVringBase(0).ok());
  run.startRing(0);
  CHECK(device.takeCalls() == Calls{"stopRing 0", "startRing 0"});
}

TEST_CASE("session: ENABLE=0 is acknowledged only when the ring has drained") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.startRing(0);
  REQUIRE(run.front().setVringEnable(0, true).ok());
  device.hold("disable 0");
  REQUIRE(run.socket()
              .send(uint32_t(Request::kSetVringEnable), kVersion | kNeedReplyFlag,
                    bytesOf(VringState{0, 0}))
              .ok());
  device.waitUntilHeld();
  CHECK_FALSE(run.socket().readable());
  device.release();
  CHECK(run.front().receiveReply(Request::kSetVringEnable).ok());
}

TEST_CASE("session: SET_FEATURES without bit 30 enables all rings") {
  FakeDevice device;
  device.queues = 2;
  SessionRun run(device);
  REQUIRE(run.front().setFeatures(0).ok());
  run.settle();
  CHECK(device.takeCalls() == Calls{"connected", "setFeatures 0", "enable 0", "enable 1"});
}

TEST_CASE("session: SET_FEATURES with bit 30 neither enables nor disables a ring") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  REQUIRE(run.front().setVringEnable(0, true).ok());
  device.takeCalls();
  // QEMU toggles VHOST_F_LOG_ALL on running rings.
  CHECK(run.front().setFeatures(kProtocolFeaturesBit | 1ULL << 26).ok());
  CHECK(device.takeCalls().size() == 1);
}

TEST_CASE("session: a ring is enabled as it starts if bit 30 was never acknowledged") {
  FakeDevice device;
  SessionRun run(device);
  run.shareMemory();
  run.setUpRing(0);
  REQUIRE(run.front().setVringKick(0, -1).ok());
  run.settle();
  CHECK(device.takeCalls() == Calls{"connected", "setMemory 1", "enable 0", "startRing 0"});
}

TEST_CASE("session: ENABLE before SET_FEATURES and before the set-up is fine") {
  FakeDevice device;
  SessionRun run(device);
  CHECK(run.front().setVringEnable(3, true).ok());
  run.settle();
  CHECK(device.takeCalls() == Calls{"connected", "enable 3"});
}

// --- changing the set-up

TEST_CASE("session: the set-up of a running ring can't change") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.startRing(0);
  REQUIRE(run.front().setVringEnable(0, true).ok());
  device.takeCalls();
  CHECK_FALSE(run.front().setVringNum(0, 64).ok());
  CHECK_FALSE(run.front().setVringBase(0, 1).ok());
  CHECK_FALSE(run.front().setVringAddr({.index = 0, .usedAddr = 1}).ok());
  CHECK(device.takeCalls().empty());
  REQUIRE(run.front().getVringBase(0).ok());
  REQUIRE(run.front().setVringKick(0, -1).ok());
  CHECK(device.setupOf(0).size == 128);
  CHECK(device.setupOf(0).usedAddr == 0);
}

TEST_CASE("session: user-mode Linux frees rings after ENABLE=0 and sets them up anew") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.startRing(0);
  REQUIRE(run.front().setVringEnable(0, true).ok());
  REQUIRE(run.front().setVringEnable(0, false).ok());
  device.takeCalls();
  device.setBase(9);
  REQUIRE(run.front().setVringNum(0, 64).ok());
  CHECK(device.takeCalls() == Calls{"stopRing 0"});
  REQUIRE(run.front().setVringBase(0, 0).ok());
  REQUIRE(run.front().setVringAddr({.index = 0}).ok());
  REQUIRE(run.front().setVringKick(0, -1).ok());
  CHECK(device.takeCalls() == Calls{"startRing 0"});
  CHECK(device.setupOf(0).size == 64);
  CHECK(device.setupOf(0).base == 0);
}

// --- call and err

TEST_CASE("session: CALL and ERR come before everything, with an fd or with none") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  const EventFd call, err;
  CHECK(run.front().setVringCall(0, call.get()).ok());
  CHECK(run.front().setVringErr(0, err.get()).ok());
  CHECK(device.hadFd("setRingCall 0"));
  CHECK(device.hadFd("setRingErr 0"));
  CHECK(run.front().setVringCall(0, -1).ok());
  CHECK(run.front().setVringErr(0, -1).ok());
  CHECK_FALSE(device.hadFd("setRingCall 0"));
  CHECK_FALSE(device.hadFd("setRingErr 0"));
}

TEST_CASE("session: a notification fd that blocks is made non-blocking") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  const UniqueFd blocking(::eventfd(0, EFD_CLOEXEC));
  REQUIRE(run.front().setVringCall(0, blocking.get()).ok());
  CHECK((::fcntl(device.fdOf("setRingCall 0"), F_GETFL) & O_NONBLOCK) != 0);
}

TEST_CASE("session: user-mode Linux interrupts by a pipe") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd readEnd(ends[0]), writeEnd(ends[1]);
  CHECK(run.front().setVringCall(0, writeEnd.get()).ok());
  CHECK((::fcntl(device.fdOf("setRingCall 0"), F_GETFL) & O_NONBLOCK) != 0);
}

TEST_CASE("session: a file is no notification fd") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.setUpRing(0);
  device.takeCalls();
  const UniqueFd file(::memfd_create("not an eventfd", MFD_CLOEXEC));
  CHECK_FALSE(run.front().setVringCall(0, file.get()).ok());
  CHECK_FALSE(run.front().setVringErr(0, file.get()).ok());
  CHECK_FALSE(run.front().setVringKick(0, file.get()).ok());
  CHECK(device.takeCalls().empty());
}

}  // namespace
}  // namespace holdfast::test
