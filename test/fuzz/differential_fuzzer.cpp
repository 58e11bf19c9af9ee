/// The same requests on a split and on a packed ring, and by each I/O engine: the answers, what is
/// in the guest's memory and what is on the disk must be the same.
#include <fcntl.h>

#include <cstdio>
#include <vector>

#include "chain_writer.h"
#include "core/blk/blk_device.h"
#include "core/scsi/scsi_controller.h"
#include "disk_image.h"
#include "input.h"
#include "likely_buffer.h"
#include "ring_harness.h"

namespace holdfast::fuzz {
namespace {

/// What one way of serving made of the requests.
struct Outcome {
  /// By request: bytes written, or kUnanswered.
  std::vector<uint32_t> answers;
  std::vector<uint8_t> memory;
  std::vector<uint8_t> disk;

  static constexpr uint32_t kUnanswered = UINT32_MAX;

  bool operator==(const Outcome&) const = default;
};

/// One way to serve: a ring format and an engine, with memory and a disk of its own.
class Way {
 public:
  Way(const char* name, bool packed, EngineKind engine)
      : name_(name),
        packed_(packed),
        image_(makeImage()),
        disk_(openDisk(UniqueFd(::fcntl(image_.get(), F_DUPFD_CLOEXEC, 0)), false, engine)),
        channel_(RingHarness::openChannel(engine)) {}

  const char* name() const { return name_; }

  Outcome serve(Input input) {
    guest_.clear();
    if (::ftruncate(image_.get(), 0) != 0 || ::ftruncate(image_.get(), kDiskSize) != 0)
      std::abort();
    Mailbox mailbox({}, [] {});
    const bool scsi = input.flag();
    const std::unique_ptr<virtio::DeviceModel> model = scsi ? controller(mailbox) : blkDevice();
    uint64_t features = model->features();
    if (!packed_) features &= ~virtio::kFeaturePacked;
    model->setFeatures(features);
    const auto answer = [&mailbox] {
      for (const MailboxMessage& message : mailbox.take())
        mailbox.complete(message.token, {.natively = message.header.cdb[0] != 0x12});
    };
    RingHarness harness(guest_, *model, scsi ? 2 : 0, {.afterTurn = answer, .channel = channel_});
    ChainWriter writer(guest_, packed_);
    Outcome outcome;
    for (int requests = 0; requests < 32 && !input.empty() && !harness.broken(); ++requests) {
      const bool indirect = input.flag();
      virtio::Descriptor parts[8];
      const size_t count = 1 + input.upTo(7);
      for (size_t part = 0; part < count; ++part) parts[part] = buffer(input);
      writer.add(std::span(parts).first(count), indirect);
      harness.settle();
      outcome.answers.push_back(writer.takeUsed().value_or(Outcome::kUnanswered));
    }
    remember(outcome);
    return outcome;
  }

 private:
  std::unique_ptr<virtio::DeviceModel> blkDevice() {
    const blk::BlkOptions options{.queueCount = 1, .configWce = true};
    return std::make_unique<blk::BlkDevice>(options, *disk_);
  }

  std::unique_ptr<virtio::DeviceModel> controller(Mailbox& mailbox) {
    auto controller =
        std::make_unique<scsi::ScsiController>(scsi::ScsiOptions{.requestQueueCount = 1}, mailbox);
    const auto fence = std::make_shared<AccessFence>();
    fence->set({.reads = true, .writes = true});
    const scsi::BlockLimits limits{.writeSameBlocks = 256,
                                   .unmapBlocks = 256,
                                   .unmapDescriptors = 16,
                                   .compareAndWriteBlocks = 8};
    if (!controller->addUnit({.disk = disk_, .fence = fence, .limits = limits})) std::abort();
    return controller;
  }

  /// Neither the ring nor the tables: those differ by format.
  virtio::Descriptor buffer(Input& input) {
    const auto choice = input.take<uint8_t>();
    virtio::Descriptor descriptor = likelyBuffer(input, choice, 112);
    if ((choice & 0xf0) == 0xf0) descriptor.length = input.upTo(0xffff);
    if ((choice & 0xf0) == 0xe0) descriptor.guestAddr |= uint64_t{1} << 40;
    if ((choice & 0xf0) == 0xd0) descriptor.length |= 1U << 31;
    if (!(choice & 8)) guest_.write(descriptor.guestAddr, input.takeBytes(input.upTo(64)));
    return descriptor;
  }

  void remember(Outcome& outcome) {
    const uint8_t* memory = guest_.memory();
    outcome.memory.assign(memory + kBuffers, memory + ChainWriter::kTables);
    outcome.memory.insert(outcome.memory.end(),
                          memory + ChainWriter::kTables + ChainWriter::kTablesSize,
                          memory + Guest::kMemorySize);
    outcome.disk.resize(kDiskSize);
    if (::pread(image_.get(), outcome.disk.data(), kDiskSize, 0) != ssize_t{kDiskSize})
      std::abort();
  }

  const char* name_;
  const bool packed_;
  Guest guest_;
  UniqueFd image_;
  std::shared_ptr<Disk> disk_;
  std::shared_ptr<IoChannel> channel_;
};

[[noreturn]] void tell(const Way& way, const Outcome& outcome, const Outcome& expected) {
  std::fprintf(stderr, "%s differs in: answers %d, memory %d, disk %d\n", way.name(),
               outcome.answers != expected.answers, outcome.memory != expected.memory,
               outcome.disk != expected.disk);
  for (size_t i = 0; i < std::min(outcome.answers.size(), expected.answers.size()); ++i)
    std::fprintf(stderr, "request %zu: %u, not %u\n", i, outcome.answers[i], expected.answers[i]);
  std::abort();
}

}  // namespace
}  // namespace holdfast::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace holdfast;
  using namespace holdfast::fuzz;
  static Way first("split ring, sync", false, EngineKind::kSync);
  static Way others[] = {{"packed ring, sync", true, EngineKind::kSync},
                         {"split ring, io_uring", false, EngineKind::kIoUring},
                         {"split ring, libaio", false, EngineKind::kLibaio}};
  const Outcome expected = first.serve(Input(data, size));
  for (Way& way : others) {
    const Outcome outcome = way.serve(Input(data, size));
    if (outcome != expected) tell(way, outcome, expected);
  }
  return 0;
}
