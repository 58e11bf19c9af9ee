#include <doctest/doctest.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "loadgen/pattern.h"
#include "loadgen/run.h"
#include "support/scsi_cdbs.h"
#include "support/scsi_fixture.h"

namespace holdfast::loadgen {
namespace {

using test::ScsiFixture;
using test::TemporaryImage;

using Opcodes = std::vector<uint8_t>;
constexpr uint8_t kTestUnitReady = 0x00;
constexpr uint8_t kModeSense6 = 0x1a;
constexpr uint8_t kReadCapacity16 = 0x9e;

MailboxReply checkCondition(uint8_t key, uint8_t asc) {
  std::vector<std::byte> sense(18);
  sense[0] = std::byte{0x70};
  sense[2] = std::byte{key};
  sense[12] = std::byte{asc};
  return {.status = 2, .sense = std::move(sense)};
}

MailboxReply dataIn(const std::vector<uint8_t>& bytes) {
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return {.dataIn = {begin, begin + bytes.size()}};
}

MailboxReply capacity(uint64_t bytes, uint32_t blockSize = 512) {
  std::vector<uint8_t> data;
  test::appendBigEndian(data, bytes / blockSize - 1, 8);
  test::appendBigEndian(data, blockSize, 4);
  data.resize(32);
  return dataIn(data);
}

MailboxReply modes(bool writeProtected) {
  return dataIn({3, 0, static_cast<uint8_t>(writeProtected ? 0x80 : 0), 0});
}

/// A disk of its own where the load generator looks for it: target 0, LUN 0.
class LoadedDisk {
 public:
  explicit LoadedDisk(uint64_t size = 4 << 20) : size_(size), image_(size) {
    auto unit = fixture_.unit(0, 0);
    unit.disk = fixture_.openDisk(image_);
    REQUIRE(fixture_.controller().addUnit(std::move(unit)).ok());
  }

  Options options() const {
    Options options;
    options.socketPath = fixture_.socketPath();
    options.device = DeviceKind::kScsi;
    options.warmupSeconds = 0;
    options.seconds = 0.25;
    return options;
  }
  /// Runs the load; the control plane gives `replies`, neither more nor less.
  Result<Report> run(const Options& options, std::vector<MailboxReply> replies) {
    asked.clear();
    std::thread answering([&] {
      for (MailboxReply& reply : replies) {
        const MailboxMessage message = fixture_.plane().next();
        asked.push_back(message.header.cdb[0]);
        fixture_.plane().mailbox().complete(message.token, std::move(reply));
      }
    });
    auto report = runLoad(options);
    answering.join();
    CHECK(fixture_.plane().silent());
    return report;
  }
  Result<Report> run(const Options& options) {
    return run(options, {{}, capacity(size_), modes(false)});
  }

  ScsiFixture& fixture() { return fixture_; }
  const TemporaryImage& image() const { return image_; }

  Opcodes asked;

 private:
  const uint64_t size_;
  TemporaryImage image_;
  ScsiFixture fixture_;
};

TEST_CASE("scsi load: every way to drive a queue moves the right data") {
  for (const Completion completion : {Completion::kInterrupt, Completion::kPoll}) {
    for (const auto& [packed, indirect] : test::kRingKinds) {
      CAPTURE(packed);
      CAPTURE(indirect);
      LoadedDisk disk;
      Options options = disk.options();
      options.completion = completion;
      options.indirect = indirect;
      options.eventIndex = indirect;
      options.verify = true;
      options.readPercent = 50;
      options.queues = 2;
      options.depth = 8;
      options.segments = 4;
      options.packed = packed;
      const auto report = disk.run(options);
      REQUIRE(report.ok());
      CHECK(report->tally.errors == 0);
      CHECK(report->tally.reads > 0);
      CHECK(report->tally.writes > 0);
      CHECK(report->tally.checkedReads > 0);
      CHECK(disk.fixture().total(&virtio::QueueCounters::readBytes) > 0);
      CHECK(disk.fixture().total(&virtio::QueueCounters::failed) == 0);
    }
  }
}

TEST_CASE("scsi load: places that 32 bits don't name are met") {
  constexpr uint64_t kSize = uint64_t{5} << 40;
  constexpr uint64_t kSecondPart = kSize / 2;
  LoadedDisk disk(kSize);
  Options options = disk.options();
  options.queues = 2;
  options.blockSize = 1 << 20;
  options.readPercent = 0;
  options.sequential = true;
  options.verify = true;
  const auto report = disk.run(options);
  REQUIRE(report.ok());
  CHECK(report->tally.errors == 0);
  const UniqueFd file = disk.image().open(O_RDONLY);
  std::vector<std::byte> sector(kSectorSize);
  REQUIRE(::pread(file.get(), sector.data(), sector.size(), kSecondPart) == kSectorSize);
  CHECK(readStamp(sector).sector == kSecondPart / kSectorSize);
}

TEST_CASE("scsi load: unit attentions are taken before, and nothing is asked without need") {
  LoadedDisk disk;
  Options options = disk.options();
  options.idle = true;
  const auto report = disk.run(
      options,
      {checkCondition(6, 0x29), checkCondition(6, 0x2a), {}, capacity(4 << 20), modes(false)});
  CHECK(report.ok());
  CHECK(disk.asked ==
        Opcodes{kTestUnitReady, kTestUnitReady, kTestUnitReady, kReadCapacity16, kModeSense6});
}

TEST_CASE("scsi load: what the disk can't do is refused before any request") {
  LoadedDisk disk;
  Options options = disk.options();
  const auto message = [&](std::vector<MailboxReply> replies) {
    const auto report = disk.run(options, std::move(replies));
    REQUIRE_FALSE(report.ok());
    return report.error().message;
  };
  CHECK(message({checkCondition(2, 0x3a)}) ==
        "LUN 0 refused command 00h: response 0, status 02h, sense 023a00h, residual 0");
  CHECK(message({{}, checkCondition(5, 0x20)}) ==
        "LUN 0 refused command 9eh: response 0, status 02h, sense 052000h, residual 32");
  CHECK(message({{}, capacity(4 << 20, 8192), modes(false)}) ==
        "--block-size must be a multiple of the device's blocks, 8192 bytes");
  options.readPercent = 50;
  CHECK(message({{}, capacity(4 << 20), modes(true)}) == "the device is read-only");
  CHECK(disk.fixture().total(&virtio::QueueCounters::readBytes) == 0);
}

TEST_CASE("scsi load: a failed request is counted and named") {
  LoadedDisk disk;
  disk.fixture().fence().set({});
  Options options = disk.options();
  options.sequential = true;
  const auto report = disk.run(options);
  REQUIRE(report.ok());
  CHECK(report->tally.errors > 0);
  CHECK(report->tally.firstError ==
        "read of sector 0: ended with response 0, status 18h, sense 000000h, residual 4096");
}

}  // namespace
}  // namespace holdfast::loadgen
