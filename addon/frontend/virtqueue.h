#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "frontend/connection.h"
#include "frontend/split_ring.h"

namespace holdfast::frontend {

/// A ring with its eventfds, and its life on a connection.
class Virtqueue {
 public:
  /// Allocates the ring in `memory` (see SplitRing::create) and makes the eventfds.
  static Result<Virtqueue> create(GuestMemory& memory, uint16_t index, uint16_t size,
                                  bool eventIndex);

  uint16_t index() const { return index_; }
  SplitRing& ring() { return ring_; }
  int kickFd() const { return kick_.get(); }
  int callFd() const { return call_.get(); }
  int errFd() const { return err_.get(); }

  /// CALL, ERR, NUM, BASE, ADDR, KICK and, with `enable`, ENABLE=1. The base is 0, or what the last
  /// stop() returned.
  Status start(Connection& connection, bool enable = true);
  /// GET_VRING_BASE: the back end has drained when it returns. Returns the base.
  Result<uint32_t> stop(Connection& connection);

  /// publish(), and a kick if the device asks for one.
  void publish();
  void kick();
  /// Sleeps until an element is used, as a guest's driver does: on the call eventfd, with the
  /// interrupt armed. Error: ETIMEDOUT.
  Status waitUsed(std::chrono::milliseconds timeout);
  /// The next used element, waiting for it. Error: ETIMEDOUT.
  Result<SplitRing::Used> popWait(
      std::chrono::milliseconds timeout = MessageSocket::kDefaultTimeout);

 private:
  Virtqueue(uint16_t index, SplitRing ring, const GuestMemory& memory)
      : index_(index), ring_(std::move(ring)), memory_(&memory) {}

  uint16_t index_;
  uint32_t base_ = 0;
  SplitRing ring_;
  const GuestMemory* memory_;
  UniqueFd kick_;
  UniqueFd call_;
  UniqueFd err_;
};

}  // namespace holdfast::frontend
