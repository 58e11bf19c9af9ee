#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "frontend/inflight_memory.h"
#include "session_fixture.h"

using namespace holdfast;
using namespace holdfast::test;
using frontend::InflightDescription;
using frontend::InflightMemory;

namespace {

constexpr uint64_t kProtocolFeatures = feature::kReplyAck | feature::kInflightShmfd;
/// Of FakeDevice, for rings of 128.
constexpr uint64_t kBytesPerQueue = 64 + 16 * 128;
/// At most, for rings of QEMU's 1024, and for the largest.
constexpr uint64_t kMadeBytesPerQueue = 64 + 32 * 1024;
constexpr uint64_t kMostBytesPerQueue = 64 + 32 * 32768;

UniqueFd memoryFile(uint64_t size) {
  UniqueFd file(::memfd_create("inflight", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), static_cast<off_t>(size)) == 0);
  return file;
}

bool accepts(SessionRun& run, const InflightDescription& description, int file) {
  return run.front().setInflightFd(description, file).ok();
}

}  // namespace

TEST_CASE("session, inflight: a region is made, sealed, zeroed, and taken back") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate(kProtocolFeatures);
  device.takeCalls();
  auto region = InflightMemory::request(run.front(), 2, 128);
  REQUIRE_MESSAGE(region.ok(), (region.ok() ? "" : region.error().message));
  CHECK(region->description().mmapSize == 2 * kMadeBytesPerQueue);
  CHECK(region->description().mmapOffset == 0);
  CHECK(region->description().queueCount == 2);
  CHECK(region->description().queueSize == 128);
  CHECK(::fcntl(region->file(), F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
  CHECK(::ftruncate(region->file(), 0) == -1);
  CHECK(device.takeCalls().empty());

  REQUIRE(region->give(run.front()).ok());
  CHECK(device.takeCalls() == std::vector<std::string>{"setInflight 2"});
  const auto taken = device.inflight();
  CHECK(taken->queueSize() == 128);
  CHECK(taken->queue(1) - taken->queue(0) == ptrdiff_t{kMadeBytesPerQueue});
  *taken->queue(1) = std::byte{0x5a};
  CHECK(*region->queue(1) == std::byte{0x5a});
}

TEST_CASE("session, inflight: the question and the answer have 20 bytes or 24") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate(kProtocolFeatures);
  for (const size_t size : {size_t{20}, size_t{24}}) {
    CAPTURE(size);
    InflightDescription description{.queueCount = 1, .queueSize = 128};
    const auto reply =
        run.front().request(Request::kGetInflightFd, bytesOf(description).first(size));
    REQUIRE(reply.ok());
    REQUIRE(reply->payload.size() == size);
    REQUIRE(reply->fds.size() == 1);
    std::memcpy(static_cast<void*>(&description), reply->payload.data(), size);
    const int file = reply->fds.front().get();
    CHECK(
        run.front()
            .command(Request::kSetInflightFd, bytesOf(description).first(size), std::span(&file, 1))
            .ok());
  }
}

TEST_CASE("hostile session, inflight: regions for more than there is, or of less than they need") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate(kProtocolFeatures);
  device.takeCalls();
  const UniqueFd file = memoryFile(kBytesPerQueue * 4);
  InflightDescription good{.mmapSize = kBytesPerQueue * 4, .queueCount = 4, .queueSize = 128};
  const auto refuses = [&](auto change) {
    InflightDescription description = good;
    change(description);
    return !accepts(run, description, file.get());
  };
  CHECK(refuses([](auto& region) { region.queueCount = 5; }));
  CHECK(refuses([](auto& region) { region.queueCount = 0; }));
  CHECK(refuses([](auto& region) { region.queueCount = 0xffff; }));
  CHECK(refuses([](auto& region) { region.queueSize = 0; }));
  CHECK(refuses([](auto& region) { region.queueSize = 256; }));
  CHECK(refuses([](auto& region) { region.queueSize = 0xffff; }));
  CHECK(refuses([](auto& region) { region.mmapSize = 0; }));
  CHECK(refuses([](auto& region) { --region.mmapSize; }));
  CHECK(refuses([](auto& region) { region.mmapOffset = 8; }));  // beyond its file
  CHECK(refuses([](auto& region) { region.mmapOffset = UINT64_MAX - 7; }));
  CHECK(refuses([](auto& region) {
    region.queueCount = 1;
    region.mmapOffset = 1;
  }));
  CHECK(refuses([](auto& region) {
    region.mmapSize = UINT64_MAX;
    region.mmapOffset = 64;
  }));
  const UniqueFd pipe(::open("/dev/null", O_RDWR | O_CLOEXEC));
  CHECK_FALSE(accepts(run, good, pipe.get()));
  CHECK_FALSE(run.front().command(Request::kSetInflightFd, bytesOf(good)).ok());
  CHECK(device.takeCalls().empty());
  CHECK(accepts(run, good, file.get()));
  CHECK(device.inflight()->bytesPerQueue() == kBytesPerQueue);
  // Only what its queues can use must be there.
  good.mmapSize = UINT64_MAX;
  CHECK_FALSE(accepts(run, good, file.get()));
  REQUIRE(::ftruncate(file.get(), kMostBytesPerQueue * 4) == 0);
  CHECK(accepts(run, good, file.get()));
  CHECK(device.inflight()->bytesPerQueue() == kMostBytesPerQueue);
}

TEST_CASE(
    "hostile session, inflight: a question for too much ends the connection with its reason") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate(kProtocolFeatures);
  CHECK_FALSE(run.front().getInflightFd(5, 128).ok());
  CHECK(run.endReason() == "GET_INFLIGHT_FD refused: it is for 5 queues, and there are 4");
}

TEST_CASE("hostile session, inflight: a region that is truncated ends the connection alone") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate(kProtocolFeatures);
  const UniqueFd file = memoryFile(kBytesPerQueue);
  REQUIRE(
      accepts(run, {.mmapSize = kBytesPerQueue, .queueCount = 1, .queueSize = 128}, file.get()));
  const auto region = device.inflight();
  REQUIRE(::ftruncate(file.get(), 0) == 0);
  *reinterpret_cast<volatile std::byte*>(region->queue(0)) = std::byte{1};
  CHECK(run.endReason() == "the front end truncated a file of shared memory");
}

TEST_CASE("hostile session, inflight: a thousand regions leave no file behind") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate(kProtocolFeatures);
  const size_t before = openFds();
  for (int i = 0; i < 1000; ++i) {
    auto region = InflightMemory::request(run.front(), 4, 128);
    REQUIRE(region.ok());
    REQUIRE(region->give(run.front()).ok());
  }
  CHECK(openFds() == before + 1);  // the last one's
}
