#include <doctest/doctest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "core/device/queue_worker.h"
#include "support/blk_fixture.h"
#include "support/scsi_fixture.h"

using namespace holdfast;
using test::BlkFixture;
using test::ScsiFixture;
using virtio::Virtqueue;

namespace {

constexpr uint64_t kWithoutEventIndex = ~(uint64_t{1} << frontend::kFeatureEventIndex);

/// Takes `count` used elements as a driver that sleeps between its interrupts: it looks at the ring
/// only when there was one.
void takeInterrupted(frontend::Virtqueue& queue, unsigned count) {
  while (count > 0) {
    pollfd call{queue.callFd(), POLLIN, 0};
    REQUIRE_MESSAGE(::poll(&call, 1, 10'000) == 1, count, " used elements without an interrupt");
    eventfd_t signals;
    REQUIRE(::eventfd_read(queue.callFd(), &signals) == 0);
    do {
      while (queue.ring().pop().has_value()) --count;
    } while (!queue.ring().armInterrupt());
  }
}

}  // namespace

TEST_CASE("interrupts: a backlog is answered in batches, what follows it at once") {
  constexpr unsigned kLastTurns = Virtqueue::kBacklog / QueueWorker::kTurn + 1;
  for (const auto& [packed, eventIndex] : test::kRingKinds) {
    // The fewer are less than a batch.
    for (const unsigned requests : {1000u, Virtqueue::kSignalBatch - 1u}) {
      CAPTURE(packed);
      CAPTURE(eventIndex);
      CAPTURE(requests);
      BlkFixture fixture;
      auto driver = fixture.driver({.queueSize = 4096,
                                    .features = eventIndex ? ~uint64_t{0} : kWithoutEventIndex,
                                    .packed = packed});
      frontend::Virtqueue& queue = driver->queue(0);
      const auto request = driver->makeRequest(VIRTIO_BLK_T_GET_ID, 0, 20, true);
      REQUIRE(request.ok());
      const frontend::Buffer chain[] = {request->header, request->data, request->status};
      for (unsigned i = 0; i < requests; ++i) REQUIRE(queue.ring().add(chain).has_value());
      REQUIRE(queue.ring().armInterrupt());
      queue.publish();
      takeInterrupted(queue, requests);
      const unsigned batches = requests / Virtqueue::kSignalBatch;
      const uint64_t calls = fixture.total(&virtio::QueueCounters::calls);
      CHECK(calls <= batches + kLastTurns);
      if (!eventIndex) CHECK(calls >= batches);
    }
  }
}

TEST_CASE("interrupts: a backlog that can't be started holds none up") {
  constexpr unsigned kSlots = 256;  // of the queue
  constexpr unsigned kCommands = kSlots + 2 * Virtqueue::kBacklog;
  ScsiFixture fixture({.mailbox = {.slots = Mailbox::kSlotsMax}});
  auto driver = fixture.driver({.numQueues = 4, .queueSize = 1024, .features = kWithoutEventIndex});
  frontend::Virtqueue& queue = driver->queue(2);
  const std::vector<uint8_t> testUnitReady(6);
  const auto request = driver->makeRequest(frontend::scsiLun(1, 0), testUnitReady, 0, false);
  REQUIRE(request.ok());
  for (unsigned i = 0; i < kCommands; ++i)
    REQUIRE(queue.ring().add(frontend::ScsiDriver::chainOf(*request)).has_value());
  queue.publish();
  std::vector<MailboxToken> tokens;
  while (tokens.size() < kSlots) tokens.push_back(fixture.plane().next().token);

  // Each that ends lets one begin, so one at a time they never make a batch.
  for (unsigned i = 0; i < kCommands; ++i) {
    CHECK(fixture.plane().mailbox().complete(tokens[i], {}));
    takeInterrupted(queue, 1);
    if (tokens.size() < kCommands) tokens.push_back(fixture.plane().next().token);
  }
}
