#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <vector>

#include "hostile/attack.h"

namespace holdfast::hostile {
namespace {

using namespace frontend;

constexpr uint64_t kNowhere = uint64_t{1} << 50;

/// The ring is given up, the connection isn't.
Status givenUp(Guest& guest) {
  pollfd error{guest.queue().errFd(), POLLIN, 0};
  if (::poll(&error, 1, 10'000) != 1) return Error{ETIMEDOUT, "the ring was not given up"};
  const auto base = guest.queue().stop(guest.connection());
  return base ? Status() : base.error();
}

Status comesBack(Guest& guest) {
  guest.queue().publish();
  const auto used = guest.queue().popWait();
  return used ? Status() : used.error();
}

Status ringOutsideMemory(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  Connection& connection = guest.connection();
  const uint16_t index = guest.queue().index();
  if (const auto base = connection.getVringBase(index); !base) return base.error();
  const auto& region = guest.driver().memory().regions().front().description;
  const uint64_t places[] = {0, region.frontendAddr + region.size - 16, region.frontendAddr + 1,
                             UINT64_MAX - 64};
  const uint64_t place = guest.pick(places);
  const VringAddresses addresses{.index = index,
                                 .descriptorAddr = place,
                                 .usedAddr = place + 4096,
                                 .availableAddr = place + 8192};
  Status outcome = connection.setVringAddr(addresses);
  if (outcome) outcome = connection.setVringKick(index, -1);
  return refused(outcome);
}

/// More is available than there is room for.
Status tooMuchAvailable(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  Virtqueue& queue = guest.queue();
  if (guest.packed()) {
    const std::vector<PackedDescriptor> chain(
        queue.ring().size(), {.guestAddr = 0, .size = 16, .flags = kDescriptorNext});
    queue.packed().addRaw(chain);
    queue.packed().publish();
  } else {
    SplitRing& ring = queue.split();
    ring.availableIndex() = static_cast<uint16_t>(ring.nextAvailable() + ring.size() + 1);
  }
  queue.kick();
  return givenUp(guest);
}

/// Unmapped, wrapping, beyond the region, the wrong way round, without length, a header alone.
Status flawedChains(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  const auto memory = guest.driver().memory().allocate(4096, 4096);
  if (!memory) return memory.error();
  const uint64_t end = guest.driver().memory().regions().front().description.size;
  const std::vector<Buffer> chains[] = {
      {{kNowhere, 512, false}},
      {{*memory, 16, false}, {UINT64_MAX - 100, 512, true}},
      {{*memory, 16, false}, {end - 256, 512, true}},
      {{*memory, 1, true}, {*memory, 16, false}},
      {{*memory, 0, false}},
      {{*memory, 16, false}},
      {{*memory, UINT32_MAX, false}, {*memory, UINT32_MAX, true}},
  };
  for (const std::vector<Buffer>& chain : chains) {
    if (!guest.queue().ring().add(chain)) return Error{ENOSPC, "no descriptor is free"};
    if (Status back = comesBack(guest); !back) return back;
  }
  return {};
}

/// Looping, nested, of a size that none has, nowhere.
Status flawedTables(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  const auto table = guest.driver().memory().allocate(4096, 4096);
  if (!table) return table.error();
  Virtqueue& queue = guest.queue();
  auto* first = reinterpret_cast<Descriptor*>(guest.driver().memory().hostAddr(*table, 4096));
  *first = {.guestAddr = *table, .size = 16, .flags = kDescriptorIndirect | kDescriptorNext};
  const Buffer tables[] = {{*table, 16},         {*table, 0},    {*table, 24},
                           {*table, 0xfffffff0}, {kNowhere, 32}, {UINT64_MAX - 15, 32}};
  for (const Buffer& place : tables) {
    if (guest.packed()) {
      const PackedDescriptor raw{place.guestAddr, place.size, 3, kDescriptorIndirect};
      queue.packed().addRaw(std::span(&raw, 1));
    } else {
      const uint16_t head = static_cast<uint16_t>(queue.split().size() - 1);
      queue.split().descriptor(head) = {place.guestAddr, place.size, kDescriptorIndirect, 0};
      queue.split().addHead(head);
    }
    if (Status back = comesBack(guest); !back) return back;
  }
  return {};
}

/// Numbers that mean nothing, all over the ring and while it runs; it can be stopped.
Status noise(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  Virtqueue& queue = guest.queue();
  const RingLayout& layout = queue.ring().layout();
  GuestMemory& memory = guest.driver().memory();
  uint64_t state = guest.variant() * 2 + 1;
  for (const uint64_t part : {layout.descriptors, layout.available, layout.used}) {
    auto* bytes = reinterpret_cast<uint8_t*>(memory.hostAddr(part, 64));
    for (unsigned i = 0; i < 64; ++i) {
      state = state * 6364136223846793005 + 1442695040888963407;
      bytes[i] = static_cast<uint8_t>(state >> 56);
    }
    queue.kick();
  }
  const auto base = guest.connection().getVringBase(queue.index());
  return base ? Status() : base.error();
}

/// One that is never read, and as full as it gets.
Status fullCall(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  const UniqueFd call(::eventfd(0, EFD_CLOEXEC));
  if (::eventfd_write(call.get(), UINT64_MAX - 1) != 0) return systemError("eventfd", errno);
  Virtqueue& queue = guest.queue();
  if (Status set = guest.connection().setVringCall(queue.index(), call.get()); !set) return set;
  const Buffer nothing{0, 0, false};
  for (unsigned i = 0; i < 4; ++i) {
    if (!queue.ring().add(std::span(&nothing, 1))) return Error{ENOSPC, "no descriptor is free"};
    queue.publish();
  }
  const auto base = guest.connection().getVringBase(queue.index());
  if (!base) return base.error();
  // Of either layout: how many it has taken.
  const bool allBack = queue.ring().usedCount() == (*base & 0x7fff);
  return allBack ? Status() : Error{EPROTO, "a chain did not come back"};
}

/// Puts reads of the disk, or requests to scsi's control queue, into the ring.
Status fill(Guest& guest) {
  const auto memory = guest.driver().memory().allocate(8192, 4096);
  if (!memory) return memory.error();
  Virtqueue& queue = guest.queue();
  const Buffer chain[] = {
      {*memory, 16, false}, {*memory + 4096, 512, true}, {*memory + 64, 1, true}};
  while (queue.ring().add(chain)) {
  }
  queue.publish();
  return {};
}

Status leftWithRequests(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  return fill(guest);
}

Status leftWhileStopping(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  if (Status filled = fill(guest); !filled) return filled;
  const VringState state{guest.queue().index(), 0};
  return guest.connection().socket().send(static_cast<uint32_t>(Request::kGetVringBase), kVersion,
                                          bytesOf(state));
}

Status changedWhileServing(Guest& guest) {
  if (Status started = guest.start(); !started) return started;
  if (Status filled = fill(guest); !filled) return filled;
  Connection& connection = guest.connection();
  const uint16_t index = guest.queue().index();
  for (const uint64_t bits : {kLogAllBit, uint64_t{0}})
    if (Status set = connection.setFeatures(guest.driver().features() | bits); !set) return set;
  for (const bool enabled : {false, true, false})
    if (Status set = connection.setVringEnable(index, enabled); !set) return set;
  if (Status reset = connection.resetDevice(); !reset) return reset;
  for (unsigned time = 0; time < 2; ++time)
    if (const auto base = connection.getVringBase(index); !base) return base.error();
  return {};
}

constexpr Attack kAttacks[] = {
    {"a ring outside memory", ringOutsideMemory},
    {"more available than the ring has", tooMuchAvailable},
    {"flawed chains", flawedChains},
    {"flawed indirect tables", flawedTables},
    {"noise all over a ring", noise},
    {"a call eventfd that is full", fullCall},
    {"left with requests in flight", leftWithRequests},
    {"left while a ring stops", leftWhileStopping},
    {"changed while it serves", changedWhileServing},
};

}  // namespace

std::span<const Attack> ringAttacks() {
  return kAttacks;
}

}  // namespace holdfast::hostile
