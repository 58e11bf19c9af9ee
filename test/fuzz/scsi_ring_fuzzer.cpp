/// A hostile guest of a virtio-scsi controller: anything in a request, control or event queue, in
/// CDBs, parameter lists and task management; and a control plane that answers anything.
#include "core/scsi/scsi_controller.h"
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
  scsi::ScsiController controller({.requestQueueCount = 1}, mailbox);
  const auto fence = std::make_shared<AccessFence>();
  fence->set({.reads = true, .writes = (choice & 4) == 0});
  const scsi::BlockLimits limits{.writeSameBlocks = 256,
                                 .unmapBlocks = 256,
                                 .unmapDescriptors = 16,
                                 .compareAndWriteBlocks = 8};
  if (!controller.addUnit(
          {.disk = sharedDisk((choice & 8) != 0), .fence = fence, .limits = limits}))
    std::abort();
  uint64_t features = controller.features();
  if ((choice & 1) == 0) features &= ~virtio::kFeatureEventIndex;
  if ((choice & 2) == 0) features &= ~virtio::kFeaturePacked;
  controller.setFeatures(features);
  const auto answer = [&] {
    for (const MailboxMessage& message : mailbox.take()) {
      const auto sense = std::as_bytes(input.takeBytes(input.upTo(120)));
      const auto dataIn = std::as_bytes(input.takeBytes(input.upTo(300)));
      mailbox.complete(message.token, {.natively = input.flag(),
                                       .status = input.take<uint8_t>(),
                                       .sense = {sense.begin(), sense.end()},
                                       .dataIn = {dataIn.begin(), dataIn.end()}});
    }
  };
  // Queue 0 is for task management, 1 for events, 2 for commands, which are most of it.
  const uint16_t queue = choice >> 5 == 0 ? 0 : choice >> 5 == 1 ? 1 : 2;
  RingHarness harness(guest, controller, queue, {.afterTurn = answer});
  Driver(input, guest, harness.packed()).play(harness);
  return 0;
}
