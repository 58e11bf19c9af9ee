/// Messages that no front end should send.
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/unique_fd.h"
#include "sessions.h"

namespace holdfast::sessions {

using frontend::kNeedReplyFlag;
using frontend::kVersion;
using frontend::MessageHeader;
using frontend::VringState;

namespace {

/// A header that says what it likes, and as many bytes behind it as it likes.
void askWithHeader(Script& script, Request request, uint32_t flags, uint32_t size, size_t payload) {
  script.start();
  Bytes bytes = pack(MessageHeader{uint32_t(request), flags, size});
  bytes.resize(bytes.size() + payload);
  script.tellRaw(bytes);
  script.noteAnswer(request);
}

/// A request that is acknowledged, with `kSize` bytes of zeroes and `kFds` eventfds.
template <Request kRequest, size_t kSize, size_t kFds = 0>
void formed(Script& script) {
  script.start();
  std::vector<UniqueFd> owned;
  Fds fds;
  for (size_t count = 0; count < kFds; ++count) {
    owned.emplace_back(::eventfd(0, EFD_CLOEXEC));
    fds.push_back(owned.back().get());
  }
  script.ask(kRequest, Bytes(kSize), fds);
  script.read();
}

/// The same for one that has a reply; its contents are the device's own.
template <Request kRequest, size_t kSize, size_t kFds = 0>
void answered(Script& script) {
  script.start();
  script.say(kRequest, Bytes(kSize), Fds(kFds, script.queue().callFd()));
  script.read();
}

/// VringState for queue `kIndex`.
template <Request kRequest, uint32_t kIndex>
void ofQueue(Script& script) {
  script.start();
  script.ask(kRequest, pack(VringState{kIndex, 1}));
  script.read();
}

template <Request kRequest, uint64_t kIndex>
void fdOfQueue(Script& script) {
  script.start();
  const UniqueFd fd(::eventfd(0, EFD_CLOEXEC));
  script.ask(kRequest, pack(kIndex), {fd.get()});
  script.read();
}

template <uint32_t kNumber>
void unknown(Script& script) {
  script.start();
  script.ask(Request(kNumber), pack(uint64_t{0}));
  script.read();
}

constexpr Session kSessions[] = {
    {"version 0", [](Script& s) { askWithHeader(s, Request::kSetOwner, kNeedReplyFlag, 0, 0); }},
    {"version 2",
     [](Script& s) { askWithHeader(s, Request::kSetOwner, 2 | kNeedReplyFlag, 0, 0); }},
    {"a reply's flag in a request",
     [](Script& s) {
       askWithHeader(s, Request::kSetOwner, kVersion | frontend::kReplyFlag | kNeedReplyFlag, 0, 0);
     }},
    {"unknown flags",
     [](Script& s) {
       askWithHeader(s, Request::kSetOwner, kVersion | kNeedReplyFlag | 0xfff0, 0, 0);
     }},
    {"a payload of 4 GiB", [](Script& s) { askWithHeader(s, Request::kSetOwner, 9, ~0U, 0); }},
    {"a payload of 1 MiB",
     [](Script& s) { askWithHeader(s, Request::kSetMemTable, 9, 1U << 20, 4096); }},
    {"half a header",
     [](Script& s) {
       s.start();
       s.tellRaw(Bytes(6));
       s.hangUp();
     }},
    {"half a payload",
     [](Script& s) {
       s.start();
       Bytes bytes = pack(MessageHeader{uint32_t(Request::kSetVringNum), kVersion, 8});
       bytes.resize(bytes.size() + 4);
       s.tellRaw(bytes);
       s.hangUp();
     }},
    {"a header without its payload",
     [](Script& s) {
       s.start();
       s.tellRaw(pack(MessageHeader{uint32_t(Request::kSetVringNum), kVersion, 8}));
       s.hangUp();
     }},
    {"a front end that hangs up at once", [](Script& s) { s.hangUp(); }},
    {"a front end that hangs up while its ring runs",
     [](Script& s) {
       s.start();
       s.read();
       s.hangUp();
     }},
    {"a front end that doesn't wait for its answer",
     [](Script& s) {
       s.start();
       s.stopReading();
       s.tell(Request::kGetFeatures);
       s.leave();
     }},
    {"twenty requests in one piece",
     [](Script& s) {
       s.negotiate();
       Bytes bytes;
       for (int count = 0; count < 20; ++count) {
         const Bytes one = pack(MessageHeader{uint32_t(Request::kGetQueueNum), kVersion, 0});
         bytes.insert(bytes.end(), one.begin(), one.end());
       }
       s.tellRaw(bytes);
       int answers = 0;
       while (answers < 20 && s.receive(Request::kGetQueueNum)) ++answers;
       s.note(std::to_string(answers) + " answers");
     }},
    {"SET_PROTOCOL_FEATURES with what was not offered",
     [](Script& s) {
       s.negotiate();
       s.ask(Request::kSetProtocolFeatures,
             pack(Script::kProtocolFeatures | 1ULL << 13 | 1ULL << 16));
     }},
    {"SET_FEATURES with what was not offered",
     [](Script& s) {
       s.start();
       s.ask(Request::kSetFeatures, pack(Script::kFeatures | 1ULL << 27 | 1ULL << 33 | 1ULL << 50));
       s.read();
     }},
    {"message 0", unknown<0>},
    {"message 44", unknown<44>},
    {"message 99", unknown<99>},
    {"message 2^32 - 1", unknown<0xffff'ffff>},
    {"SEND_RARP", unknown<19>},
    {"NET_SET_MTU", unknown<20>},
    {"IOTLB_MSG", unknown<22>},
    {"SET_VRING_ENDIAN", unknown<23>},
    {"CREATE_CRYPTO_SESSION", unknown<26>},
    {"POSTCOPY_LISTEN unasked", unknown<29>},
    {"POSTCOPY_END unasked", unknown<30>},
    {"POSTCOPY_ADVISE unasked",
     [](Script& s) {
       s.start();
       s.ask(Request::kPostcopyAdvise);
       s.read();
     }},
    {"RESET_DEVICE", formed<Request::kResetDevice, 0>},
    {"VRING_KICK, not negotiated", unknown<35>},
    {"SET_STATUS, not negotiated", unknown<39>},
    {"SET_DEVICE_STATE_FD, not negotiated", unknown<42>},
    {"CHECK_DEVICE_STATE, not negotiated", unknown<43>},
    {"SET_FEATURES without payload", formed<Request::kSetFeatures, 0>},
    {"SET_OWNER with a payload", formed<Request::kSetOwner, 8>},
    {"SET_VRING_NUM of 4 bytes", formed<Request::kSetVringNum, 4>},
    {"SET_VRING_NUM of 12 bytes", formed<Request::kSetVringNum, 12>},
    {"SET_VRING_ADDR of 8 bytes", formed<Request::kSetVringAddr, 8>},
    {"SET_VRING_BASE without payload", formed<Request::kSetVringBase, 0>},
    {"SET_VRING_ENABLE without payload", formed<Request::kSetVringEnable, 0>},
    {"SET_VRING_KICK without payload", formed<Request::kSetVringKick, 0, 1>},
    {"SET_VRING_CALL of 7 bytes", formed<Request::kSetVringCall, 7, 1>},
    {"ADD_MEM_REG of 8 bytes", formed<Request::kAddMemReg, 8, 1>},
    {"REM_MEM_REG of 8 bytes", formed<Request::kRemMemReg, 8>},
    {"SET_MEM_TABLE without payload", formed<Request::kSetMemTable, 0>},
    {"SET_PROTOCOL_FEATURES of 4 bytes", formed<Request::kSetProtocolFeatures, 4>},
    {"RESET_OWNER with a payload", formed<Request::kResetOwner, 8>},
    {"SET_VRING_ADDR of 41 bytes", formed<Request::kSetVringAddr, 41>},
    {"SET_VRING_BASE of 9 bytes", formed<Request::kSetVringBase, 9>},
    {"SET_VRING_ENABLE of 9 bytes", formed<Request::kSetVringEnable, 9>},
    {"SET_VRING_KICK of 16 bytes", formed<Request::kSetVringKick, 16, 1>},
    {"SET_VRING_ERR without payload", formed<Request::kSetVringErr, 0, 1>},
    {"ADD_MEM_REG of 48 bytes", formed<Request::kAddMemReg, 48, 1>},
    {"REM_MEM_REG of 48 bytes", formed<Request::kRemMemReg, 48>},
    {"SET_BACKEND_REQ_FD with a payload", formed<Request::kSetBackendReqFd, 8, 1>},
    {"SET_LOG_FD of 16 bytes", formed<Request::kSetLogFd, 16, 1>},
    {"SET_LOG_BASE of 8 bytes", formed<Request::kSetLogBase, 8, 1>},
    {"SET_INFLIGHT_FD of 8 bytes", formed<Request::kSetInflightFd, 8, 1>},
    {"SET_CONFIG without payload", formed<Request::kSetConfig, 0>},
    {"SET_CONFIG of its header alone", formed<Request::kSetConfig, 12>},
    {"GET_VRING_BASE without payload", formed<Request::kGetVringBase, 0>},
    {"GET_FEATURES with a payload", answered<Request::kGetFeatures, 8>},
    {"GET_PROTOCOL_FEATURES with a payload", answered<Request::kGetProtocolFeatures, 8>},
    {"GET_QUEUE_NUM with a payload", answered<Request::kGetQueueNum, 8>},
    {"GET_MAX_MEM_SLOTS with a payload", answered<Request::kGetMaxMemSlots, 8>},
    {"GET_INFLIGHT_FD of 8 bytes", answered<Request::kGetInflightFd, 8>},
    {"GET_FEATURES with a descriptor", answered<Request::kGetFeatures, 0, 1>},
    {"GET_CONFIG with a descriptor", answered<Request::kGetConfig, 12, 1>},
    {"SET_OWNER with a descriptor", formed<Request::kSetOwner, 0, 1>},
    {"SET_FEATURES with a descriptor",
     [](Script& s) {
       s.start();
       s.ask(Request::kSetFeatures, pack(Script::kFeatures), {s.queue().callFd()});
       s.read();
     }},
    {"SET_VRING_NUM with a descriptor",
     [](Script& s) {
       s.start();
       s.ask(Request::kSetVringNum, pack(VringState{1, 64}), {s.queue().callFd()});
       s.read();
     }},
    {"SET_VRING_ENABLE with a descriptor",
     [](Script& s) {
       s.start();
       s.ask(Request::kSetVringEnable, pack(VringState{0, 1}), {s.queue().callFd()});
       s.read();
     }},
    {"REM_MEM_REG with two descriptors", formed<Request::kRemMemReg, 40, 2>},
    {"ADD_MEM_REG with two descriptors", formed<Request::kAddMemReg, 40, 2>},
    {"SET_VRING_KICK without its descriptor", formed<Request::kSetVringKick, 8>},
    {"SET_VRING_KICK with two descriptors", formed<Request::kSetVringKick, 8, 2>},
    {"SET_VRING_CALL without its descriptor", formed<Request::kSetVringCall, 8>},
    {"SET_VRING_ERR with two descriptors", formed<Request::kSetVringErr, 8, 2>},
    {"SET_BACKEND_REQ_FD without its descriptor", formed<Request::kSetBackendReqFd, 0>},
    {"SET_BACKEND_REQ_FD with two descriptors", formed<Request::kSetBackendReqFd, 0, 2>},
    {"ADD_MEM_REG without its descriptor", formed<Request::kAddMemReg, 40>},
    {"SET_LOG_FD without its descriptor", formed<Request::kSetLogFd, 0>},
    {"nine descriptors", formed<Request::kSetOwner, 0, 9>},
    {"a hundred descriptors", formed<Request::kSetOwner, 0, 100>},
    {"SET_VRING_NUM of queue 8 of 8", ofQueue<Request::kSetVringNum, 8>},
    {"SET_VRING_NUM of queue 1000", ofQueue<Request::kSetVringNum, 1000>},
    {"SET_VRING_NUM of queue 2^32 - 1", ofQueue<Request::kSetVringNum, 0xffff'ffff>},
    {"SET_VRING_BASE of queue 1000", ofQueue<Request::kSetVringBase, 1000>},
    {"GET_VRING_BASE of queue 1000", ofQueue<Request::kGetVringBase, 1000>},
    {"SET_VRING_ENABLE of queue 1000", ofQueue<Request::kSetVringEnable, 1000>},
    {"SET_VRING_ENABLE with value 2",
     [](Script& s) {
       s.start();
       s.ask(Request::kSetVringEnable, pack(VringState{0, 2}));
       s.read();
     }},
    {"SET_VRING_ADDR of queue 1000",
     [](Script& s) {
       s.start();
       frontend::VringAddresses addresses = s.addresses();
       addresses.index = 1000;
       s.ask(Request::kSetVringAddr, pack(addresses));
       s.read();
     }},
    {"SET_VRING_KICK of queue 255", fdOfQueue<Request::kSetVringKick, 255>},
    {"SET_VRING_CALL of queue 255", fdOfQueue<Request::kSetVringCall, 255>},
    {"SET_VRING_ERR of queue 255", fdOfQueue<Request::kSetVringErr, 255>},
    {"a kick fd that is a file",
     [](Script& s) {
       s.start();
       s.read();
       s.say(Request::kSetVringKick, pack(uint64_t{0}), {s.memory().regions().front().file.get()});
       s.kickFd();
       s.read(5);
     }},
    {"a call fd that is a file",
     [](Script& s) {
       s.start();
       s.say(Request::kSetVringCall, pack(uint64_t{0}), {s.memory().regions().front().file.get()});
       s.read(5);
     }},
    {"a call fd whose counter is full",
     [](Script& s) {
       s.start();
       const UniqueFd full(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
       s.say(Request::kSetVringCall, pack(uint64_t{0}), {full.get()});
       eventfd_t count = 0;
       (void)::eventfd_read(full.get(), &count);
       (void)::eventfd_write(full.get(), 0xffff'ffff'ffff'fffe);
       s.read(5);
     }},
};

}  // namespace

const SessionGroup kFlawedMessages{"flawed messages", kSessions};

}  // namespace holdfast::sessions
