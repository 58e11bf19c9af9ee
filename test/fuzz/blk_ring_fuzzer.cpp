/// A hostile guest of a virtio-blk disk: anything in the ring, in headers and in its parameters.
#include "core/blk/blk_device.h"
#include "disk_image.h"
#include "driver.h"
#include "ring_harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace holdfast;
  using namespace holdfast::fuzz;
  static Guest guest;
  guest.clear();
  Input input(data, size);
  const uint8_t choice = input.take<uint8_t>();
  Mailbox mailbox({}, [] {});
  blk::BlkDevice device(
      {.queueCount = 1, .configWce = (choice & 1) != 0, .mailbox = choice & 2 ? &mailbox : nullptr},
      *sharedDisk((choice & 4) != 0));
  uint64_t features = device.features();
  if ((choice & 8) == 0) features &= ~virtio::kFeatureEventIndex;
  if ((choice & 16) == 0) features &= ~virtio::kFeaturePacked;
  device.setFeatures(features);
  const auto answer = [&] {
    for (const MailboxMessage& message : mailbox.take()) {
      const auto bytes = std::as_bytes(input.takeBytes(input.upTo(40)));
      mailbox.complete(message.token, {.natively = input.flag(),
                                       .status = input.take<uint8_t>(),
                                       .sense = {bytes.begin(), bytes.end()}});
    }
  };
  RingHarness harness(guest, device, 0, {.afterTurn = answer});
  Driver(input, guest, harness.packed()).play(harness);
  return 0;
}
