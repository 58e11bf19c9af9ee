#pragma once

#include "session_fixture.h"

namespace holdfast::test {

/// A front end that is at home in the protocol, with a ring that runs, before it turns hostile.
class HostileRun : public SessionRun {
 public:
  explicit HostileRun(FakeDevice& device) : SessionRun(device) {
    negotiate();
    shareMemory();
    startRing(0);
    REQUIRE(front().setVringEnable(0, true).ok());
    settle();
    device.takeCalls();
  }
  void sendHeader(uint32_t request, uint32_t flags, uint32_t size) {
    const frontend::MessageHeader header{request, flags, size};
    REQUIRE(socket().sendRaw(bytesOf(header)).ok());
  }
  Status ask(Request request, const std::vector<std::byte>& payload,
             std::span<const int> fds = {}) {
    return front().command(request, payload, fds);
  }
};

}  // namespace holdfast::test
