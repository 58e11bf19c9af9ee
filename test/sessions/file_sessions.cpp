/// What front end and back end share beside memory: the dirty log, the inflight region, the config
/// space.
#include <linux/virtio_blk.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/unique_fd.h"
#include "core/virtio/inflight_layout.h"
#include "sessions.h"

namespace holdfast::sessions {

using frontend::ConfigHeader;
using frontend::Descriptor;
using frontend::InflightDescription;
using frontend::kDescriptorNext;
using frontend::kDescriptorWrite;
using frontend::LogDescription;

namespace {

constexpr uint64_t kWithLog = Script::kProtocolFeatures | frontend::protocol_feature::kLogShmfd;
constexpr uint64_t kWithInflight =
    Script::kProtocolFeatures | frontend::protocol_feature::kInflightShmfd;
/// A bit for each page up to the end of the guest's memory.
constexpr uint64_t kLogSize = (Script::kGuestBase + Script::kMemorySize) / 4096 / 8;

/// A file that is mapped here.
class SharedFile {
 public:
  explicit SharedFile(size_t size) : size_(size), fd_(::memfd_create("shared", MFD_CLOEXEC)) {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return;
    void* mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (mapped != MAP_FAILED) bytes_ = static_cast<uint8_t*>(mapped);
  }
  SharedFile(const SharedFile&) = delete;
  SharedFile& operator=(const SharedFile&) = delete;
  ~SharedFile() {
    if (bytes_) ::munmap(bytes_, size_);
  }

  int fd() const { return fd_.get(); }
  uint8_t* bytes() const { return bytes_; }
  bool marked(uint64_t guestAddr) const {
    const uint64_t page = guestAddr / 4096;
    return (bytes_[page / 8] >> page % 8 & 1) != 0;
  }

 private:
  size_t size_;
  UniqueFd fd_;
  uint8_t* bytes_ = nullptr;
};

void startLogged(Script& script) {
  frontend::VringAddresses addresses = script.addresses();
  addresses.flags = frontend::kVringLogFlag;
  script.say(Request::kSetFeatures, pack(Script::kFeatures | frontend::kLogAllBit));
  script.say(Request::kSetVringAddr, pack(addresses));
}

/// SET_LOG_BASE with a file of `kFile` bytes that is said to be a log of `kSize` at `kOffset`.
template <size_t kFile, uint64_t kSize, uint64_t kOffset = 0>
void log(Script& script) {
  script.start(Script::kFeatures, kWithLog);
  const SharedFile file(kFile);
  script.say(Request::kSetLogBase, pack(LogDescription{kSize, kOffset}), {file.fd()});
  startLogged(script);
  script.read();
}

template <uint16_t kQueues, uint16_t kRing>
void askInflight(Script& script) {
  script.negotiate(Script::kFeatures, kWithInflight);
  const auto answer =
      script.say(Request::kGetInflightFd,
                 pack(InflightDescription{.queueCount = kQueues, .queueSize = kRing}));
  if (answer) script.note(answer->fds.size() == 1 ? "a region" : "no region");
}

/// SET_INFLIGHT_FD with a file of `kFile` bytes, and a ring on it.
template <size_t kFile, uint64_t kSize, uint16_t kQueues, uint16_t kRing>
void giveInflight(Script& script) {
  script.negotiate(Script::kFeatures, kWithInflight);
  const SharedFile file(kFile);
  const InflightDescription description{
      .mmapSize = kSize, .queueCount = kQueues, .queueSize = kRing};
  script.ask(Request::kSetInflightFd, pack(description), {file.fd()});
  script.shareMemory();
  script.startRing();
  script.read();
}

/// A ring in which a read of sector 9 was left, as the region says in which `change` has changed
/// something.
template <typename Change>
void recover(Script& script, Change change) {
  script.negotiate(Script::kFeatures, kWithInflight);
  const SharedFile file(4096);
  auto* header = reinterpret_cast<virtio::SplitInflightHeader*>(file.bytes());
  auto* entries = reinterpret_cast<virtio::SplitInflightEntry*>(header + 1);
  *header = {
      .features = 0, .version = 1, .size = Script::kRingSize, .lastBatchHead = 0, .usedIndex = 0};
  entries[0] = {.inflight = 1, .padding = {}, .next = 0, .counter = 0};
  change(header, entries);
  const InflightDescription description{
      .mmapSize = 4096, .queueCount = 1, .queueSize = Script::kRingSize};
  script.say(Request::kSetInflightFd, pack(description), {file.fd()});

  script.writeHeader(VIRTIO_BLK_T_IN, 9);
  script.ring().descriptor(0) = {script.header(), 16, kDescriptorNext, 1};
  script.ring().descriptor(1) = {script.data(), 512, kDescriptorNext | kDescriptorWrite, 2};
  script.ring().descriptor(2) = {script.status(), 1, kDescriptorWrite, 0};
  script.ring().addHead(0);
  script.ring().publish();
  *script.memory().hostAddr(script.status()) = std::byte{0xff};
  script.shareMemory();
  script.startRing();
  if (script.refused()) return;
  script.awaitUsed("what was left");
  script.read();
}

using Header = virtio::SplitInflightHeader;
using Entry = virtio::SplitInflightEntry;

/// GET_CONFIG of `kSize` bytes from `kOffset` in a payload that has room for `kRoom`.
template <uint32_t kOffset, uint32_t kSize, uint32_t kRoom = kSize>
void getConfig(Script& script) {
  script.negotiate();
  Bytes payload = pack(ConfigHeader{kOffset, kSize, 0});
  payload.resize(payload.size() + kRoom);
  script.ask(Request::kGetConfig, payload);
}

template <uint32_t kOffset, uint32_t kSize, uint32_t kFlags = 0>
void setConfig(Script& script) {
  script.negotiate(Script::kFeatures | 1ULL << VIRTIO_BLK_F_CONFIG_WCE);
  Bytes payload = pack(ConfigHeader{kOffset, kSize, kFlags});
  payload.resize(payload.size() + std::min(kSize, 64U), std::byte{1});
  script.ask(Request::kSetConfig, payload);
}

constexpr uint32_t kWriteback = offsetof(virtio_blk_config, wce);

constexpr Session kSessions[] = {
    {"dirty log: what a read marks",
     [](Script& script) {
       script.start(Script::kFeatures, kWithLog);
       const SharedFile file(kLogSize);
       script.say(Request::kSetLogBase, pack(LogDescription{kLogSize, 0}), {file.fd()});
       startLogged(script);
       script.read();
       script.stop();
       script.note(file.marked(script.data()) ? "the data" : "not the data");
       script.note(file.marked(script.status()) ? "the status" : "not the status");
       script.note(file.marked(script.ring().layout().used) ? "the used ring"
                                                            : "not the used ring");
       script.note(file.marked(Script::kGuestBase + Script::kMemorySize - 4096) ? "more"
                                                                                : "no more");
     }},
    {"dirty log: a write marks its status only",
     [](Script& script) {
       script.start(Script::kFeatures, kWithLog);
       const SharedFile file(kLogSize);
       script.say(Request::kSetLogBase, pack(LogDescription{kLogSize, 0}), {file.fd()});
       startLogged(script);
       script.request("write", VIRTIO_BLK_T_OUT, 100, 512);
       script.stop();
       script.note(file.marked(script.data()) ? "the data" : "not the data");
       script.note(file.marked(script.status()) ? "the status" : "not the status");
     }},
    {"dirty log: of one byte", log<4096, 1>},
    {"dirty log: of no bytes", log<4096, 0>},
    {"dirty log: that ends within guest memory", log<4096, 4096>},
    {"dirty log: longer than its file", log<4096, kLogSize>},
    {"dirty log: at an offset of no page", log<1 << 20, kLogSize, 1>},
    {"dirty log: whose offset and size wrap", log<4096, kLogSize, ~uint64_t{4095}>},
    {"dirty log: LOG_ALL without a log",
     [](Script& script) {
       script.start(Script::kFeatures, kWithLog);
       startLogged(script);
       script.read();
     }},
    {"dirty log: without its file",
     [](Script& script) {
       script.start(Script::kFeatures, kWithLog);
       script.ask(Request::kSetLogBase, pack(LogDescription{kLogSize, 0}));
       script.read();
     }},
    {"dirty log: a used ring logged at 2^63",
     [](Script& script) {
       script.start(Script::kFeatures, kWithLog);
       const SharedFile file(kLogSize);
       script.say(Request::kSetLogBase, pack(LogDescription{kLogSize, 0}), {file.fd()});
       frontend::VringAddresses addresses = script.addresses();
       addresses.flags = frontend::kVringLogFlag;
       addresses.logAddr = uint64_t{1} << 63;
       script.say(Request::kSetFeatures, pack(Script::kFeatures | frontend::kLogAllBit));
       script.ask(Request::kSetVringAddr, pack(addresses));
       script.read();
     }},
    {"inflight: a region for one queue", askInflight<1, 64>},
    {"inflight: a region for no queue", askInflight<0, 64>},
    {"inflight: a region for 9 queues of 8", askInflight<9, 64>},
    {"inflight: a region for 65535 queues", askInflight<65535, 64>},
    {"inflight: a region for rings of no descriptors", askInflight<1, 0>},
    {"inflight: the region's question of 20 bytes",
     [](Script& script) {
       script.negotiate(Script::kFeatures, kWithInflight);
       Bytes payload = pack(InflightDescription{.queueCount = 1, .queueSize = 64});
       payload.resize(20);
       script.tell(Request::kGetInflightFd, payload);
       const auto answer = script.receive(Request::kGetInflightFd);
       if (answer) script.note(answer->fds.size() == 1 ? "a region" : "no region");
     }},
    {"inflight: negotiated and no region given",
     [](Script& script) {
       script.start(Script::kFeatures, kWithInflight);
       script.read();
     }},
    {"inflight: SET_INFLIGHT_FD without its file",
     [](Script& script) {
       script.negotiate(Script::kFeatures, kWithInflight);
       script.ask(Request::kSetInflightFd,
                  pack(InflightDescription{.mmapSize = 4096, .queueCount = 1, .queueSize = 64}));
     }},
    {"inflight: a fresh region", giveInflight<4096, 4096, 1, 64>},
    {"inflight: a region that is too short", giveInflight<4096, 64, 1, 1024>},
    {"inflight: a region longer than its file", giveInflight<4096, 1 << 20, 8, 1024>},
    {"inflight: a region for more queues than there are", giveInflight<1 << 20, 1 << 20, 1000, 64>},
    {"inflight: a region of no bytes", giveInflight<4096, 0, 1, 64>},
    {"inflight: a request that was left is served",
     [](Script& script) { recover(script, [](Header*, Entry*) {}); }},
    {"inflight: a request that was used and not struck out",
     [](Script& script) {
       recover(script, [](Header* header, Entry* entries) {
         header->lastBatchHead = 1;
         entries[1] = {.inflight = 1, .padding = {}, .next = 0, .counter = 1};
         header->usedIndex = 65535;
       });
     }},
    {"inflight: an entry that is neither free nor in flight",
     [](Script& script) {
       recover(script, [](Header*, Entry* entries) { entries[0].inflight = 7; });
     }},
    {"inflight: more descriptors than the region has",
     [](Script& script) { recover(script, [](Header* header, Entry*) { header->size = 65535; }); }},
    {"inflight: another version",
     [](Script& script) { recover(script, [](Header* header, Entry*) { header->version = 9; }); }},
    {"config: 8 bytes of the capacity", getConfig<0, 8>},
    {"config: the block size alone", getConfig<20, 4>},
    {"config: no bytes", getConfig<0, 0>},
    {"config: 257 bytes", getConfig<0, 257>},
    {"config: more bytes than the payload has room for", getConfig<0, 60, 4>},
    {"config: offset and size that wrap", getConfig<0xffff'fff0, 60>},
    {"config: 2^32 - 1 bytes", getConfig<0, 0xffff'ffff, 60>},
    {"config: behind the end", getConfig<300, 8>},
    {"config: GET_CONFIG without payload",
     [](Script& script) {
       script.negotiate();
       script.ask(Request::kGetConfig);
     }},
    {"config: the write cache switched on", setConfig<kWriteback, 1>},
    {"config: the capacity written", setConfig<0, 8>},
    {"config: the write cache written behind the end", setConfig<0xffff'fff0, 60>},
    {"config: 2^32 - 1 bytes written", setConfig<kWriteback, 0xffff'ffff>},
    {"config: written with unknown flags", setConfig<kWriteback, 1, 7>},
};

}  // namespace

const SessionGroup kSharedFiles{"log, inflight region, config space", kSessions};

}  // namespace holdfast::sessions
