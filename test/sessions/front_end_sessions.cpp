/// How front ends that people use begin, serve requests and stop.
#include <linux/virtio_blk.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "sessions.h"

namespace holdfast::sessions {

using frontend::VringState;

namespace {

constexpr uint64_t bit(unsigned number) {
  return 1ULL << number;
}

constexpr uint64_t kInflight = frontend::protocol_feature::kInflightShmfd;

/// GET_CONFIG of `size` bytes; notes what a driver can't do without.
void askConfig(Script& script, uint32_t size) {
  Bytes payload = pack(frontend::ConfigHeader{0, size, 0});
  payload.resize(payload.size() + size);
  const auto answer = script.say(Request::kGetConfig, payload);
  if (!answer) return;
  if (answer->payload.size() != payload.size()) {
    script.note("GET_CONFIG: " + std::to_string(answer->payload.size()) + " bytes");
    return;
  }
  virtio_blk_config config{};
  std::copy_n(answer->payload.begin() + sizeof(frontend::ConfigHeader),
              std::min<size_t>(size, sizeof config), reinterpret_cast<std::byte*>(&config));
  script.note("GET_CONFIG: " + std::to_string(config.capacity) + " sectors, blocks of " +
              std::to_string(config.blk_size));
}

void openBackendChannel(Script& script) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
  script.say(Request::kSetBackendReqFd, {}, {ends[1]});
  ::close(ends[0]);
  ::close(ends[1]);
}

/// GET_INFLIGHT_FD and SET_INFLIGHT_FD.
void shareInflight(Script& script, uint16_t queues, uint16_t ringSize) {
  const frontend::InflightDescription wanted{.queueCount = queues, .queueSize = ringSize};
  const auto answer = script.say(Request::kGetInflightFd, pack(wanted));
  if (!answer) return;
  const auto* made = answer->as<frontend::InflightDescription>();
  if (!made || answer->fds.size() != 1 || made->queueCount != queues)
    script.note("GET_INFLIGHT_FD: not what was asked for");
  else
    script.say(Request::kSetInflightFd, pack(*made), {answer->fds.front().get()});
}

void readWriteFlush(Script& script) {
  script.read();
  script.request("write", VIRTIO_BLK_T_OUT, 100, 4096);
  script.request("flush", VIRTIO_BLK_T_FLUSH, 0, 0);
}

void qemu(Script& script, bool recent) {
  script.say(Request::kGetFeatures);
  script.say(Request::kGetProtocolFeatures);
  script.tell(Request::kSetProtocolFeatures,
              pack(Script::kProtocolFeatures | kInflight | frontend::protocol_feature::kLogShmfd));
  script.say(Request::kGetQueueNum);
  script.say(Request::kGetMaxMemSlots);
  openBackendChannel(script);
  script.tell(Request::kSetOwner);
  script.say(Request::kGetFeatures);
  script.tell(Request::kSetVringCall, pack(uint64_t{0}), {script.queue().callFd()});
  if (recent) script.tell(Request::kSetVringErr, pack(uint64_t{0}), {script.queue().errFd()});
  askConfig(script, 60);
  // The guest's driver is ready.
  script.tell(Request::kSetFeatures, pack(Script::kFeatures | bit(frontend::kFeatureEventIndex)));
  shareInflight(script, 1, Script::kRingSize);
  script.tell(Request::kSetFeatures, pack(Script::kFeatures));
  script.shareMemory();
  script.size();
  script.base();
  script.address();
  script.kickFd();
  script.callFd();
  script.enable(true);
  readWriteFlush(script);
  script.stop();
}

constexpr Session kSessions[] = {
    {"QEMU 7.2", [](Script& script) { qemu(script, false); }},
    {"QEMU 10", [](Script& script) { qemu(script, true); }},
    {"QEMU pauses its guest and goes on",
     [](Script& script) {
       script.start();
       script.read();
       script.enable(false);
       script.stop();
       script.base(1);
       script.address();
       script.kickFd();
       script.callFd();
       script.enable(true);
       script.read(5);
       script.stop();
     }},
    {"libblkio",
     [](Script& script) {
       script.say(Request::kGetFeatures);
       script.tell(Request::kSetFeatures, pack(Script::kFeatures));
       script.say(Request::kGetProtocolFeatures);
       script.tell(Request::kSetProtocolFeatures, pack(Script::kProtocolFeatures));
       script.say(Request::kSetOwner);
       script.say(Request::kGetMaxMemSlots);
       askConfig(script, 60);
       script.shareMemory();
       script.size();
       script.base();
       script.address();
       script.kickFd();
       script.callFd();
       script.enable(true);
       readWriteFlush(script);
     }},
    {"SPDK's initiator",
     [](Script& script) {
       script.say(Request::kGetFeatures);
       script.tell(Request::kSetOwner);
       script.say(Request::kGetProtocolFeatures);
       script.tell(Request::kSetProtocolFeatures, pack(frontend::protocol_feature::kMultiqueue |
                                                       frontend::protocol_feature::kReplyAck |
                                                       frontend::protocol_feature::kConfig));
       script.say(Request::kGetQueueNum);
       askConfig(script, 256);
       script.say(Request::kSetFeatures, pack(Script::kFeatures));
       const auto& region = script.memory().regions().front();
       script.say(Request::kSetMemTable, pack(frontend::MemTableHeader{1, 0}, region.description),
                  {region.file.get()});
       script.size();
       script.base();
       script.address();
       script.callFd();
       script.kickFd();
       script.enable(true);
       readWriteFlush(script);
     }},
    {"user-mode Linux",
     [](Script& script) {
       script.tell(Request::kSetOwner);
       script.say(Request::kGetFeatures);
       script.say(Request::kGetProtocolFeatures);
       script.tell(Request::kSetProtocolFeatures, pack(frontend::protocol_feature::kReplyAck |
                                                       frontend::protocol_feature::kBackendReq |
                                                       frontend::protocol_feature::kConfig));
       openBackendChannel(script);
       askConfig(script, 60);
       script.say(Request::kSetFeatures, pack(Script::kFeatures));
       const auto& region = script.memory().regions().front();
       script.say(Request::kSetMemTable,
                  pack(frontend::MemTableHeader{1, 0}, region.description, RegionDescription{}),
                  {region.file.get()});
       script.size();
       script.base();
       script.address();
       script.callFd();
       script.kickFd();
       script.enable(true);
       readWriteFlush(script);
       script.enable(false);
     }},
    {"a front end without protocol features",
     [](Script& script) {
       script.say(Request::kGetFeatures);
       script.tell(Request::kSetOwner);
       script.tell(Request::kSetFeatures, pack(frontend::kVirtioVersion1Bit));
       const auto& region = script.memory().regions().front();
       script.tell(Request::kSetMemTable, pack(frontend::MemTableHeader{1, 0}, region.description),
                   {region.file.get()});
       script.tell(Request::kSetVringNum, pack(VringState{0, Script::kRingSize}));
       script.tell(Request::kSetVringBase, pack(VringState{0, 0}));
       script.tell(Request::kSetVringAddr, pack(script.addresses()));
       script.tell(Request::kSetVringCall, pack(uint64_t{0}), {script.queue().callFd()});
       script.tell(Request::kSetVringKick, pack(uint64_t{0}), {script.queue().kickFd()});
       readWriteFlush(script);
     }},
    {"a guest without VIRTIO_F_VERSION_1",
     [](Script& script) {
       script.start(Script::kFeatures & ~frontend::kVirtioVersion1Bit);
       script.read();
     }},
    {"the queues and memory slots there are",
     [](Script& script) {
       script.negotiate();
       script.ask(Request::kGetQueueNum);
       script.ask(Request::kGetMaxMemSlots);
     }},
    {"protocol features of use to a disk",
     [](Script& script) {
       const auto answer = script.say(Request::kGetProtocolFeatures);
       if (!answer || !answer->as<uint64_t>()) return;
       const uint64_t offered = *answer->as<uint64_t>();
       for (const unsigned number : {0, 1, 3, 5, 9, 12, 13, 15})
         script.note("bit " + std::to_string(number) +
                     ((offered & bit(number)) != 0 ? ": offered" : ": not offered"));
     }},
    {"packed rings and multiqueue of the device",
     [](Script& script) {
       const auto answer = script.say(Request::kGetFeatures);
       if (!answer || !answer->as<uint64_t>()) return;
       const uint64_t offered = *answer->as<uint64_t>();
       for (const unsigned number : {unsigned(VIRTIO_BLK_F_MQ), 26U, 28U, 29U, 30U, 32U, 34U})
         script.note("bit " + std::to_string(number) +
                     ((offered & bit(number)) != 0 ? ": offered" : ": not offered"));
     }},
};

}  // namespace

const SessionGroup kFrontEnds{"front ends as they are", kSessions};

}  // namespace holdfast::sessions
