#include "session_fixture.h"

namespace holdfast::test {
namespace {

using Calls = std::vector<std::string>;

constexpr uint64_t kOwnFeatures = feature::kMultiqueue | feature::kLogShmfd | feature::kReplyAck |
                                  feature::kBackendReq | feature::kInflightShmfd |
                                  feature::kResetDevice | feature::kConfigureMemSlots;

TEST_CASE("session: the device's features are offered together with vhost's own") {
  FakeDevice device;
  SessionRun run(device);
  CHECK(*run.front().getFeatures() == (1ULL << 32 | kProtocolFeaturesBit | frontend::kLogAllBit));
}

TEST_CASE("session: exactly what is implemented is offered, CONFIG only by the device") {
  FakeDevice device;
  SUBCASE("with config space") {
    SessionRun run(device);
    CHECK(*run.front().getProtocolFeatures() == (kOwnFeatures | feature::kConfig));
  }
  SUBCASE("without") {
    device.offeredProtocolFeatures = 0;
    SessionRun run(device);
    CHECK(*run.front().getProtocolFeatures() == kOwnFeatures);
  }
}

TEST_CASE("session: the number of queues and of memory slots") {
  FakeDevice device;
  device.queues = 256;
  SessionRun run(device);
  CHECK(*run.front().getQueueNum() == 256);
  CHECK(*run.front().getMaxMemSlots() == 509);
}

TEST_CASE("session: QEMU's first messages, in its order") {
  FakeDevice device;
  SessionRun run(device);
  Connection& front = run.front();
  REQUIRE(front.getFeatures().ok());
  REQUIRE(front.getProtocolFeatures().ok());
  REQUIRE(front.setProtocolFeatures(kOwnFeatures | feature::kConfig).ok());
  REQUIRE(front.getQueueNum().ok());
  REQUIRE(front.getMaxMemSlots().ok());
  const auto backendChannel = front.openBackendChannel();
  REQUIRE(backendChannel.ok());
  REQUIRE(front.setOwner().ok());
  REQUIRE(front.getFeatures().ok());
  const EventFd call, err;
  REQUIRE(front.setVringCall(0, call.get()).ok());
  REQUIRE(front.setVringErr(0, err.get()).ok());
  REQUIRE(front.getConfig(0, 60).ok());
  run.settle();
  CHECK(device.takeCalls() == Calls{"connected", "setRingCall 0", "setRingErr 0"});
}

TEST_CASE("session: libblkio's order, SET_FEATURES before GET_PROTOCOL_FEATURES") {
  FakeDevice device;
  SessionRun run(device);
  REQUIRE(run.front().setOwner().ok());
  REQUIRE(run.front().setFeatures(kProtocolFeaturesBit | 1ULL << 32).ok());
  CHECK(run.front().getProtocolFeatures().ok());
  CHECK(device.takeCalls().back() == "setFeatures 5368709120");
}

TEST_CASE("session: bits that were never offered are passed on, as QEMU sends them") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  const uint64_t anyLayout = 1ULL << 27;
  const uint64_t inOrder = 1ULL << 35;
  const uint64_t notificationData = 1ULL << 38;
  const uint64_t ringReset = 1ULL << 40;
  for (const uint64_t unoffered : {anyLayout, inOrder | notificationData | ringReset}) {
    CHECK(run.front().setFeatures(kProtocolFeaturesBit | unoffered).ok());
    CHECK(device.takeCalls().back() == "setFeatures " + std::to_string((1ULL << 30) + unoffered));
  }
}

TEST_CASE("session: a protocol feature that was never offered ends the connection") {
  FakeDevice device;
  SessionRun run(device);
  REQUIRE(run.front().setProtocolFeatures(feature::kReplyAck | feature::kStatus).ok());
  CHECK(run.endReason() == "SET_PROTOCOL_FEATURES refused: bit 16 was not offered");
}

TEST_CASE("session: connected() comes first and disconnected() last, however it ends") {
  FakeDevice device;
  SUBCASE("the front end closes") {
    SessionRun run(device);
    run.settle();
    run.socket().close();
    CHECK(run.end().ok());
  }
  SUBCASE("the session is stopped") {
    SessionRun run(device);
    run.settle();
    CHECK(run.stop().ok());
  }
  SUBCASE("the connection is given up") {
    SessionRun run(device);
    REQUIRE(run.socket().send(99, kVersion, {}).ok());
    CHECK_FALSE(run.end().ok());
  }
  CHECK(device.takeCalls() == Calls{"connected", "disconnected"});
}

TEST_CASE("session: SET_OWNER may be repeated") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  CHECK(run.front().setOwner().ok());
  CHECK(run.front().setOwner().ok());
}

// --- REPLY_ACK

TEST_CASE("session: an acknowledgement answers exactly the flagged messages without a reply") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  MessageSocket& socket = run.socket();

  SUBCASE("flagged: one answer, of zero") {
    REQUIRE(run.front().setOwner().ok());
  }
  SUBCASE("not flagged: none") {
    run.front().setAskForReplies(false);
    REQUIRE(run.front().setOwner().ok());
  }
  SUBCASE("flagged, with a reply of its own: that alone") {
    REQUIRE(socket.send(uint32_t(Request::kGetQueueNum), kVersion | kNeedReplyFlag, {}).ok());
    const auto reply = run.front().receiveReply(Request::kGetQueueNum);
    REQUIRE(reply.ok());
    CHECK(*reply->as<uint64_t>() == device.queues);
  }
  // The next thing that comes is the answer to this, so nothing superfluous was in between.
  run.settle();
  CHECK_FALSE(socket.readable());
}

TEST_CASE("session: NEED_REPLY means nothing while REPLY_ACK isn't negotiated") {
  FakeDevice device;
  SessionRun run(device);
  REQUIRE(run.socket().send(uint32_t(Request::kSetOwner), kVersion | kNeedReplyFlag, {}).ok());
  run.settle();
  CHECK_FALSE(run.socket().readable());
}

TEST_CASE("session: the SET_PROTOCOL_FEATURES that negotiates REPLY_ACK is itself acknowledged") {
  FakeDevice device;
  SessionRun run(device);
  run.front().setAskForReplies(true);
  CHECK(run.front().setProtocolFeatures(feature::kReplyAck).ok());
}

TEST_CASE("session: what the device refuses is answered with non-zero and the connection goes on") {
  FakeDevice device;
  device.refuse("enable 1");
  SessionRun run(device);
  run.negotiate();
  const Status refused = run.front().setVringEnable(1, true);
  CHECK(refused.error().code == EREMOTEIO);
  run.settle();
  CHECK(run.stop().ok());
  CHECK(run.warnings() == Calls{"SET_VRING_ENABLE refused: not today"});
}

TEST_CASE("session: what the device refuses ends a connection that asked for no acknowledgement") {
  FakeDevice device;
  device.refuse("enable 1");
  SessionRun run(device);
  run.negotiate();
  run.front().setAskForReplies(false);
  REQUIRE(run.front().setVringEnable(1, true).ok());
  CHECK(run.endReason() == "SET_VRING_ENABLE refused: not today");
  CHECK(run.warnings().empty());
  CHECK(run.socket().waitClosed().ok());
}

TEST_CASE("session: a flood of refused messages makes a bounded number of warnings") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  for (int i = 0; i < 100; ++i) CHECK_FALSE(run.front().setVringNum(0, 3).ok());
  CHECK(run.stop().ok());
  CHECK(run.warnings().size() == vhost_user::Session::kMaxWarnings);
}

// --- RESET_OWNER, RESET_DEVICE

TEST_CASE("session: RESET_DEVICE is fine before anything is set up, as QEMU sends it") {
  FakeDevice device;
  device.queues = 1;
  SessionRun run(device);
  run.negotiate();
  device.takeCalls();
  CHECK(run.front().resetDevice().ok());
  CHECK(device.takeCalls() == Calls{"disable 0", "resetDevice"});
}

TEST_CASE("session: RESET_DEVICE stops and disables every ring, then resets the device") {
  FakeDevice device;
  device.queues = 2;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.startRing(1);
  device.takeCalls();
  CHECK(run.front().resetDevice().ok());
  CHECK(device.takeCalls() == Calls{"disable 0", "stopRing 1", "disable 1", "resetDevice"});

  SUBCASE("and their set-up is forgotten") {
    CHECK_FALSE(run.front().setVringKick(1, -1).ok());
  }
  SUBCASE("and they can be set up anew") {
    run.startRing(1);
    CHECK(device.takeCalls() == Calls{"startRing 1"});
  }
}

TEST_CASE("session: RESET_OWNER disables all rings and stops none") {
  FakeDevice device;
  device.queues = 2;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.startRing(0);
  device.takeCalls();
  CHECK(run.front().resetOwner().ok());
  CHECK(device.takeCalls() == Calls{"disable 0", "disable 1"});
}

TEST_CASE("session: the memory outlives ring stops, RESET_OWNER and RESET_DEVICE") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.startRing(0);
  device.takeCalls();
  REQUIRE(run.front().getVringBase(0).ok());
  REQUIRE(run.front().resetOwner().ok());
  REQUIRE(run.front().resetDevice().ok());
  for (const std::string& call : device.takeCalls()) CHECK(call.find("setMemory") != 0);
  // QEMU adds only what is new: the first region must still be there to overlap with.
  const auto& region = run.memory().regions().front();
  CHECK_FALSE(run.front().addMemReg(region.description, region.file.get()).ok());
  run.startRing(0);
}

}  // namespace
}  // namespace holdfast::test
