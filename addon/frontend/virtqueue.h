#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "frontend/connection.h"
#include "frontend/packed_ring.h"
#include "frontend/split_ring.h"

namespace holdfast::frontend {

/// A ring with its eventfds, and its life on a connection.
class Virtqueue {
 public:
  struct Options {
    uint16_t size = 128;      // descriptors
    bool eventIndex = false;  // EVENT_IDX is negotiated
    bool packed = false;      // RING_PACKED is negotiated
  };

  /// How long a request may take: what Linux gives a SCSI command (SD_TIMEOUT).
  static constexpr std::chrono::milliseconds kRequestTimeout{30'000};

  /// Allocates the ring in `memory` and makes the eventfds. Errors: see SplitRing::create.
  static Result<Virtqueue> create(GuestMemory& memory, uint16_t index, const Options& options);

  uint16_t index() const { return index_; }
  Ring& ring() { return *ring_; }
  /// The ring of a queue that was created with this layout.
  SplitRing& split() { return static_cast<SplitRing&>(*ring_); }
  PackedRing& packed() { return static_cast<PackedRing&>(*ring_); }
  int kickFd() const { return kick_.get(); }
  int callFd() const { return call_.get(); }
  int errFd() const { return err_.get(); }

  /// CALL, ERR, NUM, BASE, ADDR, KICK and, with `enable`, ENABLE=1. The base is the ring's initial
  /// one, or what the last stop() returned.
  Status start(Connection& connection, bool enable = true);
  /// SET_VRING_ADDR again while it runs: from now on the back end logs its writes to the used ring,
  /// or no longer.
  Status setLogged(Connection& connection, bool logged);
  /// GET_VRING_BASE: the back end has drained when it returns. Returns the base.
  Result<uint32_t> stop(Connection& connection);

  /// publish(), and a kick if the device asks for one.
  void publish();
  void kick();
  /// Sleeps until an element is used, as a guest's driver does: on the call eventfd, with the
  /// interrupt armed. Error: ETIMEDOUT.
  Status waitUsed(std::chrono::milliseconds timeout);
  /// The next used element, waiting for it. Error: ETIMEDOUT.
  Result<Used> popWait(std::chrono::milliseconds timeout = kRequestTimeout);

 private:
  VringAddresses addresses(bool logged) const;

  Virtqueue(uint16_t index, std::unique_ptr<Ring> ring, const GuestMemory& memory)
      : index_(index), base_(ring->initialBase()), ring_(std::move(ring)), memory_(&memory) {}

  uint16_t index_;
  uint32_t base_;
  std::unique_ptr<Ring> ring_;
  const GuestMemory* memory_;
  UniqueFd kick_;
  UniqueFd call_;
  UniqueFd err_;
};

}  // namespace holdfast::frontend
