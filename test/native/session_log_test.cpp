#include <sys/mman.h>

#include "session_fixture.h"
#include "support/sanitizers.h"

namespace holdfast::test {
namespace {

using Calls = std::vector<std::string>;

/// Of the session's memory: 16 pages.
constexpr uint64_t kLogSize = 2;

UniqueFd memoryFile(uint64_t size) {
  UniqueFd file(::memfd_create("log", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), static_cast<off_t>(size)) == 0);
  return file;
}

/// With a ring that runs.
class LoggedRun : public SessionRun {
 public:
  explicit LoggedRun(FakeDevice& device) : SessionRun(device) {
    negotiate(feature::kReplyAck | feature::kLogShmfd);
    shareMemory();
    startRing(0);
    REQUIRE(front().setVringEnable(0, true).ok());
    device.takeCalls();
  }
};

TEST_CASE("session: what migration needs is offered") {
  FakeDevice device;
  SessionRun run(device);
  const auto features = run.front().getFeatures();
  REQUIRE(features.ok());
  CHECK((*features & frontend::kLogAllBit) != 0);
  const auto protocol = run.front().getProtocolFeatures();
  REQUIRE(protocol.ok());
  CHECK((*protocol & feature::kLogShmfd) != 0);
}

TEST_CASE("session: a device that can't be migrated offers none of it, and takes no log") {
  FakeDevice device;
  device.migrates = false;
  SessionRun run(device);
  CHECK((*run.front().getFeatures() & frontend::kLogAllBit) == 0);
  CHECK((*run.front().getProtocolFeatures() & feature::kLogShmfd) == 0);
  const UniqueFd file = memoryFile(kLogSize);
  CHECK_FALSE(run.front().setLogBase({kLogSize, 0}, file.get()).ok());
  CHECK(run.endReason() == "SET_LOG_BASE refused: this back end doesn't offer it");
}

TEST_CASE("session: SET_LOG_BASE is answered, and the device gets the log") {
  FakeDevice device;
  LoggedRun run(device);
  const UniqueFd file = memoryFile(kLogSize);
  REQUIRE(run.front().setLogBase({kLogSize, 0}, file.get()).ok());
  CHECK(device.takeCalls() == Calls{"setLog"});
  device.log()->mark(3 * 4096, 1);
  uint8_t bits = 0;
  REQUIRE(::pread(file.get(), &bits, 1, 0) == 1);
  CHECK(bits == 0x08);
}

TEST_CASE("session: SET_VRING_ADDR of a running ring may change its logging, and nothing else") {
  FakeDevice device;
  LoggedRun run(device);
  REQUIRE(run.front().setVringAddr({.flags = frontend::kVringLogFlag, .logAddr = 0x3000}).ok());
  CHECK(device.takeCalls() == Calls{"setRingLog 0"});
  CHECK(device.setupOf(0).flags == frontend::kVringLogFlag);
  CHECK(device.setupOf(0).logAddr == 0x3000);
  CHECK_FALSE(run.front().setVringAddr({.availableAddr = 16, .logAddr = 0x4000}).ok());
  CHECK_FALSE(run.front().setVringAddr({.descriptorAddr = 16, .logAddr = 0x4000}).ok());
  CHECK_FALSE(run.front().setVringAddr({.usedAddr = 16, .logAddr = 0x4000}).ok());
  CHECK(device.takeCalls().empty());
}

TEST_CASE("session: LOG_ALL comes and goes while rings run, with a log or without") {
  FakeDevice device;
  LoggedRun run(device);
  const uint64_t features = kProtocolFeaturesBit | frontend::kLogAllBit;
  REQUIRE(run.front().setFeatures(features).ok());
  REQUIRE(run.front().setFeatures(kProtocolFeaturesBit).ok());
  CHECK(device.takeCalls() == Calls{"setFeatures " + std::to_string(features),
                                    "setFeatures " + std::to_string(kProtocolFeaturesBit)});
}

TEST_CASE("hostile session: a dirty log that can't be one ends the connection, with the reason") {
  FakeDevice device;
  LoggedRun run(device);
  const UniqueFd file = memoryFile(kLogSize);
  frontend::LogDescription log{kLogSize, 0};
  std::string reason;
  int fd = file.get();
  SUBCASE("offset and size wrap") {
    log = {kLogSize, UINT64_MAX};
    reason = "the dirty log reaches past the end of its address space";
  }
  SUBCASE("longer than its file") {
    log = {kLogSize, 1};
    reason = "the dirty log is longer than its file";
  }
  SUBCASE("empty") {
    log = {0, 0};
    reason = "the dirty log is empty";
  }
  SUBCASE("shorter than the guest's memory") {
    log = {kLogSize - 1, 0};
    reason = "a dirty log of 1 bytes, too short for the guest's memory";
  }
  SUBCASE("no file") {
    fd = -1;
    reason = "the dirty log came without a file";
  }
  CHECK_FALSE(run.front().setLogBase(log, fd).ok());
  const std::string told = run.endReason();
  CHECK_MESSAGE(told.starts_with("SET_LOG_BASE refused: " + reason), told);
  CHECK(device.takeCalls() == Calls{"disconnected"});
}

#ifndef HOLDFAST_NO_FAULTS_IN_ATOMICS
TEST_CASE("hostile session: a log that is truncated while it is written to ends the connection") {
  FakeDevice device;
  LoggedRun run(device);
  const UniqueFd file = memoryFile(0x1000);
  REQUIRE(run.front().setLogBase({0x1000, 0}, file.get()).ok());
  const auto log = device.log();
  REQUIRE(::ftruncate(file.get(), 0) == 0);
  log->mark(0, 0x10000);  // all of the memory, as a queue worker would
  CHECK(run.endReason() == "the front end truncated a file of shared memory");
}
#endif

TEST_CASE("hostile session: logs given again and again are unmapped and closed again") {
  FakeDevice device;
  LoggedRun run(device);
  const UniqueFd file = memoryFile(kLogSize);
  REQUIRE(run.front().setLogBase({kLogSize, 0}, file.get()).ok());
  const size_t before = openFds();
  const std::weak_ptr<const DirtyLog> first = device.log();
  for (int i = 0; i < 1000; ++i) REQUIRE(run.front().setLogBase({kLogSize, 0}, file.get()).ok());
  CHECK(openFds() == before);
  CHECK(first.expired());
}

}  // namespace
}  // namespace holdfast::test
