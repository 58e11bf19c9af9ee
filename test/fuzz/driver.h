#pragma once

#include "chain_writer.h"
#include "guest.h"
#include "input.h"
#include "likely_buffer.h"
#include "ring_harness.h"

namespace holdfast::fuzz {

/// A driver that the input plays: it makes chains that are nearly right, and writes anything over
/// them.
class Driver {
 public:
  Driver(Input& input, Guest& guest, bool packed)
      : input_(input), guest_(guest), writer_(guest, packed) {}

  /// Of up to `most` steps; 16 turns at the end finish what they began.
  void play(RingHarness& harness, int most = 64) {
    for (int steps = 0; steps < most && !input_.empty(); ++steps) {
      switch (input_.take<uint8_t>() % 8) {
        case 0:
          guest_.write(input_.take<uint32_t>(), input_.takeBytes(input_.take<uint8_t>()));
          break;
        case 1:
          guest_.write(input_.upTo(0x1fff), input_.takeBytes(input_.upTo(16)));
          break;
        case 2:
          harness.turn();
          break;
        case 3:
          addChain(true);
          break;
        default:
          addChain(false);
      }
    }
    for (int turns = 0; turns < 16; ++turns) harness.turn();
  }

 private:
  /// A request of up to eight parts, most of them as a driver would have them.
  void addChain(bool indirect) {
    virtio::Descriptor parts[8];
    const size_t count = 1 + input_.upTo(7);
    for (size_t part = 0; part < count; ++part) parts[part] = buffer();
    writer_.add(std::span(parts).first(count), indirect);
  }

  /// With what the device will read there.
  virtio::Descriptor buffer() {
    const auto choice = input_.take<uint8_t>();
    virtio::Descriptor descriptor = likelyBuffer(input_, choice, 256);
    if ((choice & 0xf0) == 0xf0) descriptor.length = input_.take<uint32_t>();
    if ((choice & 0xf0) == 0xe0) descriptor.guestAddr = input_.take<uint64_t>();
    if ((choice & 0xf0) == 0xd0) descriptor.flags = input_.take<uint16_t>();
    if (!(choice & 8)) guest_.write(descriptor.guestAddr, input_.takeBytes(input_.upTo(64)));
    return descriptor;
  }

  Input& input_;
  Guest& guest_;
  ChainWriter writer_;
};

}  // namespace holdfast::fuzz
