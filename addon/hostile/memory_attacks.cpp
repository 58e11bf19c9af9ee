#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "hostile/attack.h"
#include "hostile/shared_file.h"

namespace holdfast::hostile {
namespace {

using namespace frontend;

constexpr uint64_t kFileSize = uint64_t{64} << 10;

/// Larger than its file, of no size, with sums that overflow.
Status impossibleRegion(Guest& guest) {
  constexpr RegionDescription kRegions[] = {
      {.guestAddr = 0, .size = 2 * kFileSize, .frontendAddr = 0, .mmapOffset = 0},
      {.guestAddr = 0, .size = kFileSize, .frontendAddr = 0, .mmapOffset = 4096},
      {.guestAddr = 0, .size = 0, .frontendAddr = 0, .mmapOffset = 0},
      {.guestAddr = UINT64_MAX - 4095, .size = 8192, .frontendAddr = 0, .mmapOffset = 0},
      {.guestAddr = 0, .size = 8192, .frontendAddr = UINT64_MAX - 4095, .mmapOffset = 0},
      {.guestAddr = 0, .size = 8192, .frontendAddr = 0, .mmapOffset = UINT64_MAX - 4095},
      {.guestAddr = 0, .size = UINT64_MAX, .frontendAddr = 0, .mmapOffset = 0}};
  if (Status ready = guest.negotiate(); !ready) return ready;
  const UniqueFd file = sharedFile(kFileSize);
  const int fd = file.get();
  const RegionDescription& region = guest.pick(kRegions);
  if (Status was = refused(guest.connection().addMemReg(region, fd)); !was) return was;
  return refused(guest.connection().setMemTable(std::span(&region, 1), std::span(&fd, 1)));
}

/// Files that can't be mapped.
Status foreignRegion(Guest& guest) {
  if (Status ready = guest.negotiate(); !ready) return ready;
  const UniqueFd file = foreignFile(guest.variant() / 2);
  return refused(guest.connection().addMemReg({.guestAddr = 0, .size = 4096}, file.get()));
}

/// Regions over each other, more than there are files, and one that was never there.
Status disorderedTable(Guest& guest) {
  if (Status ready = guest.negotiate(); !ready) return ready;
  Connection& connection = guest.connection();
  const UniqueFd file = sharedFile(kFileSize);
  const int fd = file.get();
  const RegionDescription region{.guestAddr = 4096, .size = 8192, .frontendAddr = 1 << 20};
  const RegionDescription over{.guestAddr = 8192, .size = 8192, .frontendAddr = 2 << 20};
  const std::vector<RegionDescription> both{region, over};
  const std::vector<int> files{fd, fd};
  for (const Status& outcome :
       {connection.setMemTable(both, files), connection.setMemTable(both, std::span(&fd, 1)),
        connection.remMemReg(over)})
    if (Status was = refused(outcome); !was) return was;
  if (Status added = connection.addMemReg(region, fd); !added) return added;
  if (Status was = refused(connection.addMemReg(over, fd)); !was) return was;
  if (Status removed = connection.remMemReg(region); !removed) return removed;
  return refused(connection.remMemReg(region));
}

/// Its rings lie there.
Status removedUnderRings(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  Connection& connection = guest.connection();
  const auto regions = guest.driver().memory().descriptions();
  if (Status was = refused(connection.remMemReg(regions.front())); !was) return was;
  return refused(connection.setMemTable({}, {}));
}

/// While rings run: the next look at them is a SIGBUS.
Status truncatedMemory(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  if (::ftruncate(guest.driver().memory().files().front(), 0) != 0)
    return systemError("ftruncate", errno);
  guest.queue().kick();
  return hangsUp(guest);
}

Status impossibleLog(Guest& guest) {
  constexpr LogDescription kLogs[] = {{.mmapSize = 2 * kFileSize, .mmapOffset = 0},
                                      {.mmapSize = kFileSize, .mmapOffset = 1},
                                      {.mmapSize = 0, .mmapOffset = 0},
                                      {.mmapSize = UINT64_MAX, .mmapOffset = 4096},
                                      {.mmapSize = 4096, .mmapOffset = UINT64_MAX - 100}};
  if (Status ready = guest.negotiate(); !ready) return ready;
  const UniqueFd file = sharedFile(kFileSize);
  return refused(guest.connection().setLogBase(guest.pick(kLogs), file.get()));
}

/// While all that is written is marked in it.
Status truncatedLog(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  Connection& connection = guest.connection();
  const UniqueFd file = sharedFile(kFileSize);
  const LogDescription log{.mmapSize = kFileSize};
  if (Status set = connection.setLogBase(log, file.get()); !set) return set;
  if (Status set = connection.setFeatures(guest.driver().features() | kLogAllBit); !set) return set;
  if (::ftruncate(file.get(), 0) != 0) return systemError("ftruncate", errno);
  // All of the ring is marked anew; that is when it is found out.
  if (Status set = guest.queue().setLogged(connection, true); !set) return refused(set);
  return hangsUp(guest);
}

/// For more than there is, in less than it needs, in no memory.
Status impossibleInflight(Guest& guest) {
  constexpr InflightDescription kRegions[] = {
      {.mmapSize = kFileSize, .queueCount = 1000, .queueSize = 128},
      {.mmapSize = 64, .queueCount = 1, .queueSize = 128},
      {.mmapSize = kFileSize, .queueCount = 0, .queueSize = 128},
      {.mmapSize = 2 * kFileSize, .queueCount = 1, .queueSize = 128},
      {.mmapSize = kFileSize, .mmapOffset = UINT64_MAX - 4095, .queueCount = 1, .queueSize = 128},
      {.mmapSize = UINT64_MAX, .mmapOffset = 4096, .queueCount = 1, .queueSize = 128}};
  if (Status ready = guest.negotiate(); !ready) return ready;
  const UniqueFd file = sharedFile(kFileSize);
  return refused(guest.connection().setInflightFd(guest.pick(kRegions), file.get()));
}

/// Contents that no back end leaves.
Status damagedInflight(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  Driver& driver = guest.driver();
  Virtqueue& queue = guest.queue();
  if (const auto base = queue.stop(driver.connection()); !base) return base.error();
  std::fill_n(driver.inflight()->queue(queue.index()), 256, std::byte{0xff});
  if (Status given = driver.inflight()->give(driver.connection()); !given) return refused(given);
  return refused(queue.start(driver.connection()));
}

constexpr Attack kAttacks[] = {
    {"a region that can't be", impossibleRegion},
    {"a region of a file that can't be mapped", foreignRegion},
    {"a table out of order", disorderedTable},
    {"memory removed under rings", removedUnderRings},
    {"memory truncated under rings", truncatedMemory},
    {"a dirty log that can't be", impossibleLog},
    {"a dirty log truncated", truncatedLog},
    {"an inflight region that can't be", impossibleInflight},
    {"an inflight region damaged", damagedInflight},
};

}  // namespace

std::span<const Attack> memoryAttacks() {
  return kAttacks;
}

}  // namespace holdfast::hostile
