/// What a back end leaves behind when it is killed, and a front end that changes it: the notes of
/// what was in flight, before the next back end reads them and while it runs.
#include <vector>

#include "core/blk/blk_device.h"
#include "core/virtio/inflight_layout.h"
#include "disk_image.h"
#include "driver.h"
#include "ring_harness.h"

namespace holdfast::fuzz {
namespace {

constexpr size_t kRegionSize = virtio::inflightBytes(true, RingHarness::kRingSize);

/// One queue's part of the region, on the heap, where a sanitizer sees its end.
class Region {
 public:
  Region() : bytes_(new std::byte[kRegionSize]{}, std::default_delete<std::byte[]>()) {}

  std::shared_ptr<std::byte> queue() const { return bytes_; }
  std::vector<std::byte> copy() const { return {bytes_.get(), bytes_.get() + kRegionSize}; }
  void restore(const std::vector<std::byte>& bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }
  void damage(Input& input) {
    const size_t at = input.upTo(kRegionSize - 1);
    const auto bytes = std::as_bytes(input.takeBytes(1 + input.upTo(7)));
    const size_t size = std::min(bytes.size(), kRegionSize - at);
    std::copy_n(bytes.begin(), size, bytes_.get() + at);
  }

 private:
  std::shared_ptr<std::byte> bytes_;
};

void crashAndGoOn(Input input, Guest& guest) {
  const uint8_t choice = input.take<uint8_t>();
  // SCSI commands stay in flight until it answers, which it doesn't before the crash.
  Mailbox mailbox({}, [] {});
  blk::BlkDevice device({.queueCount = 1, .mailbox = &mailbox}, *sharedDisk());
  uint64_t features = device.features();
  if ((choice & 1) == 0) features &= ~virtio::kFeaturePacked;
  if ((choice & 2) == 0) features &= ~virtio::kFeatureEventIndex;
  device.setFeatures(features);

  Region region;
  Driver driver(input, guest, device.negotiated(virtio::kFeaturePacked));
  std::vector<std::byte> notes;
  std::vector<uint8_t> memory;
  {
    RingHarness killed(guest, device, 0, {.inflight = region.queue()});
    driver.play(killed, 24);
    notes = region.copy();
    memory.assign(guest.memory(), guest.memory() + Guest::kMemorySize);
  }
  (void)mailbox.take();
  region.restore(notes);
  guest.write(0, memory);
  for (uint32_t damages = input.upTo(8); damages > 0; --damages) region.damage(input);

  const auto afterTurn = [&] {
    for (const MailboxMessage& message : mailbox.take()) mailbox.complete(message.token, {});
    if ((choice & 4) != 0 && !input.empty()) region.damage(input);
  };
  const auto usedIndex =
      static_cast<uint16_t>(memory[RingHarness::kUsed + 2] | memory[RingHarness::kUsed + 3] << 8);
  RingHarness next(guest, device, 0,
                   {.afterTurn = afterTurn, .inflight = region.queue(), .base = usedIndex});
  if (next.serves()) driver.play(next);
}

}  // namespace
}  // namespace holdfast::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace holdfast::fuzz;
  static Guest guest;
  guest.clear();
  crashAndGoOn(Input(data, size), guest);
  return 0;
}
