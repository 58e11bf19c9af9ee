/// Rings of sizes and at addresses that can't be.
#include "sessions.h"

namespace holdfast::sessions {

using frontend::VringAddresses;
using frontend::VringState;

namespace {

/// A ring of `kSize` descriptors that is started, and a request on it.
template <uint32_t kSize>
void ofSize(Script& script) {
  script.negotiate();
  script.shareMemory();
  script.callFd();
  script.errFd();
  script.ask(Request::kSetVringNum, pack(VringState{0, kSize}));
  script.base();
  script.address();
  script.kickFd();
  script.enable(true);
  if (!script.refused()) script.read();
}

/// A ring whose addresses `change` has changed, and a request on it.
template <typename Change>
void at(Script& script, Change change) {
  script.negotiate();
  script.shareMemory();
  script.callFd();
  script.errFd();
  script.size();
  script.base();
  VringAddresses addresses = script.addresses();
  change(addresses);
  script.ask(Request::kSetVringAddr, pack(addresses));
  script.kickFd();
  script.enable(true);
  if (!script.refused()) script.read();
}

constexpr Session kSessions[] = {
    {"a ring of no descriptors", ofSize<0>},
    {"a ring of 100 descriptors", ofSize<100>},
    {"a ring of 65536 descriptors", ofSize<65536>},
    {"a ring of 2^31 descriptors", ofSize<0x8000'0000>},
    {"another size while the ring runs",
     [](Script& script) {
       script.start();
       script.read();
       script.ask(Request::kSetVringNum, pack(VringState{0, 32}));
       script.read(5);
     }},
    {"descriptors in no memory",
     [](Script& script) {
       at(script, [](VringAddresses& addresses) { addresses.descriptorAddr = 0x1000; });
     }},
    {"an available ring in no memory",
     [](Script& script) {
       at(script, [](VringAddresses& addresses) { addresses.availableAddr = 0x1000; });
     }},
    {"a used ring in no memory",
     [](Script& script) {
       at(script, [](VringAddresses& addresses) { addresses.usedAddr = 0x1000; });
     }},
    {"an address of 2^64 - 16",
     [](Script& script) {
       at(script, [](VringAddresses& addresses) { addresses.descriptorAddr = ~uint64_t{15}; });
     }},
    {"addresses that are not aligned",
     [](Script& script) {
       at(script, [](VringAddresses& addresses) { addresses.descriptorAddr += 1; });
     }},
    {"SET_VRING_ADDR before any memory",
     [](Script& script) {
       script.negotiate();
       script.size();
       script.ask(Request::kSetVringAddr, pack(script.addresses()));
     }},
    {"a kick before the addresses",
     [](Script& script) {
       script.negotiate();
       script.shareMemory();
       script.size();
       script.ask(Request::kSetVringKick, pack(uint64_t{0}), {script.queue().kickFd()});
       script.enable(true);
       script.queue().kick();
     }},
    {"a kick before the size",
     [](Script& script) {
       script.negotiate();
       script.shareMemory();
       script.callFd();
       script.address();
       script.ask(Request::kSetVringKick, pack(uint64_t{0}), {script.queue().kickFd()});
       script.enable(true);
       if (!script.refused()) script.read();
     }},
    {"a base of 100000",
     [](Script& script) {
       script.negotiate();
       script.shareMemory();
       script.callFd();
       script.size();
       script.ask(Request::kSetVringBase, pack(VringState{0, 100'000}));
       script.address();
       script.kickFd();
       script.enable(true);
       script.stop();
     }},
    {"a base far from the available index",
     [](Script& script) {
       script.negotiate();
       script.shareMemory();
       script.callFd();
       script.errFd();
       script.size();
       script.base(1000);
       script.address();
       script.kickFd();
       script.enable(true);
       script.read();
     }},
};

}  // namespace

const SessionGroup kFlawedRings{"rings that can't be", kSessions};

}  // namespace holdfast::sessions
