/// Rings set up in other orders than usual, and set up again.
#include <linux/virtio_blk.h>
#include <sys/eventfd.h>

#include "core/base/unique_fd.h"
#include "sessions.h"

namespace holdfast::sessions {

using frontend::VringState;

namespace {

UniqueFd eventFd() {
  return UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

void negotiateAndShare(Script& script) {
  script.negotiate();
  script.shareMemory();
}

constexpr Session kSessions[] = {
    {"ENABLE before anything else of the ring",
     [](Script& script) {
       negotiateAndShare(script);
       script.enable(true);
       script.size();
       script.base();
       script.address();
       script.callFd();
       script.kickFd();
       script.read();
     }},
    {"the base before the size, the addresses last but one",
     [](Script& script) {
       negotiateAndShare(script);
       script.errFd();
       script.callFd();
       script.base();
       script.size();
       script.address();
       script.kickFd();
       script.enable(true);
       script.read();
     }},
    {"a call fd that comes when the ring runs",
     [](Script& script) {
       negotiateAndShare(script);
       script.size();
       script.base();
       script.address();
       script.kickFd();
       script.enable(true);
       script.callFd();
       script.read();
     }},
    {"no call fd at all",
     [](Script& script) {
       negotiateAndShare(script);
       script.size();
       script.base();
       script.address();
       script.say(Request::kSetVringCall, pack(frontend::kNoFd));
       script.kickFd();
       script.enable(true);
       script.read();
     }},
    {"no kick fd: the ring is to be polled",
     [](Script& script) {
       negotiateAndShare(script);
       script.callFd();
       script.size();
       script.base();
       script.address();
       script.ask(Request::kSetVringKick, pack(frontend::kNoFd));
       script.enable(true);
       script.read();
     }},
    {"a ring that is never enabled",
     [](Script& script) {
       negotiateAndShare(script);
       script.callFd();
       script.size();
       script.base();
       script.address();
       script.kickFd();
       script.read();
     }},
    {"a request while the ring is disabled",
     [](Script& script) {
       script.start();
       script.read();
       script.enable(false);
       script.read(5);
     }},
    {"two rings, stopped one after the other",
     [](Script& script) {
       script.start();
       script.startRing(1);
       script.read(3, 0);
       script.read(4, 1);
       script.stop(0);
       script.read(5, 1);
       script.stop(1);
     }},
    {"GET_VRING_BASE twice",
     [](Script& script) {
       script.start();
       script.read();
       script.stop();
       script.stop();
     }},
    {"GET_VRING_BASE of a ring that never ran",
     [](Script& script) {
       negotiateAndShare(script);
       script.base(7);
       script.stop();
     }},
    {"a ring that begins behind its first descriptors",
     [](Script& script) {
       negotiateAndShare(script);
       script.callFd();
       script.size();
       script.base(5);
       for (int skipped = 0; skipped < 5; ++skipped) script.ring().addHead(0);
       script.ring().publish();
       script.ring().usedIndex() = 5;
       while (script.ring().pop()) {
       }
       script.address();
       script.kickFd();
       script.enable(true);
       script.read();
       script.stop();
     }},
    {"another kick fd while the ring runs",
     [](Script& script) {
       script.start();
       script.read();
       const UniqueFd other = eventFd();
       script.say(Request::kSetVringKick, pack(uint64_t{0}), {other.get()});
       ::eventfd_write(other.get(), 1);
       script.kickFd();
       script.read(5);
     }},
    {"another call fd while the ring runs",
     [](Script& script) {
       script.start();
       script.read();
       const UniqueFd other = eventFd();
       script.say(Request::kSetVringCall, pack(uint64_t{0}), {other.get()});
       script.callFd();
       script.read(5);
     }},
    {"SET_FEATURES again while the ring runs",
     [](Script& script) {
       script.start();
       script.read();
       script.ask(Request::kSetFeatures, pack(Script::kFeatures));
       script.read(5);
     }},
    {"RESET_OWNER, and the ring enabled again",
     [](Script& script) {
       script.start();
       script.read();
       script.ask(Request::kResetOwner);
       script.enable(true);
       script.read(5);
     }},
    {"with EVENT_IDX",
     [](Script& script) {
       script.start(Script::kFeatures | 1ULL << frontend::kFeatureEventIndex);
       for (uint16_t count = 0; count < 5; ++count) {
         script.ring().usedEvent() = count;
         script.read(count);
       }
     }},
    {"70000 requests, so that the indices wrap",
     [](Script& script) {
       script.start();
       script.request("serial", VIRTIO_BLK_T_GET_ID, 0, 20);
       for (unsigned count = 0; count < 69'999 && !script.ended(); ++count) script.submitQuietly(0);
       script.note("served " + std::to_string(script.ring().lastUsed()) + " modulo 65536");
       script.stop();
     }},
    {"NEED_REPLY with a request that has a reply",
     [](Script& script) {
       script.negotiate();
       script.tellRaw(pack(frontend::MessageHeader{
           uint32_t(Request::kGetFeatures), frontend::kVersion | frontend::kNeedReplyFlag, 0}));
       const auto answer = script.receive(Request::kGetFeatures);
       if (answer)
         script.note("GET_FEATURES: " + std::to_string(answer->payload.size()) + " bytes");
     }},
    {"no acknowledgement where none is asked for",
     [](Script& script) {
       script.negotiate();
       script.tell(Request::kSetVringNum, pack(VringState{0, 128}));
       script.tell(Request::kSetVringBase, pack(VringState{0, 0}));
       script.ask(Request::kSetVringNum, pack(VringState{0, 64}));
     }},
    {"an acknowledgement asked for before REPLY_ACK is negotiated",
     [](Script& script) {
       script.tellRaw(pack(frontend::MessageHeader{
           uint32_t(Request::kSetOwner), frontend::kVersion | frontend::kNeedReplyFlag, 0}));
       script.tell(Request::kGetFeatures);
       const auto answer = script.receive(Request::kGetFeatures);
       if (!answer) return;
       const bool acknowledged = answer->request == uint32_t(Request::kSetOwner);
       script.note(acknowledged ? "SET_OWNER: acknowledged" : "SET_OWNER: not acknowledged");
       if (acknowledged) script.receive(Request::kGetFeatures);
     }},
};

}  // namespace

const SessionGroup kRings{"rings in other orders", kSessions};

}  // namespace holdfast::sessions
