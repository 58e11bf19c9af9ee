#include "frontend_ram_back_end.h"

#include <linux/virtio_blk.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "frontend/protocol.h"

namespace holdfast::frontend {

namespace {

constexpr uint64_t kFeatures = kProtocolFeaturesBit | kVirtioVersion1Bit |
                               1ULL << kFeatureIndirect | 1ULL << kFeatureEventIndex |
                               1ULL << VIRTIO_BLK_F_FLUSH;
constexpr uint64_t kProtocolFeatures = protocol_feature::kMultiqueue | protocol_feature::kReplyAck |
                                       protocol_feature::kConfig |
                                       protocol_feature::kConfigureMemSlots;

/// The start of the payload: every message about a ring begins with its index.
template <typename T>
T payloadAs(const Message& message) {
  T value{};
  const size_t size = std::min(sizeof value, message.payload.size());
  if (size > 0) std::memcpy(&value, message.payload.data(), size);
  return value;
}

}  // namespace

RamBackEnd::RamBackEnd(size_t diskSize, Faults faults) : faults_(faults), disk_(diskSize) {
  std::string pattern = std::filesystem::temp_directory_path() / "holdfast-test-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  directory_ = pattern;
  path_ = directory_ + "/socket";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener_ ||
      ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.get(), 1) != 0) {
    throw std::runtime_error("cannot listen on " + path_);
  }
  stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  thread_ = std::thread([this] { serve(); });
}

RamBackEnd::~RamBackEnd() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
  for (const Mapping& mapping : mappings_) {
    ::munmap(mapping.hostAddr, mapping.description.size);
  }
  std::filesystem::remove_all(directory_);
}

void RamBackEnd::serve() {
  while (true) {
    std::vector<pollfd> fds = {{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    if (socket_.fd() >= 0) fds[1].fd = socket_.fd();
    for (const Ring& ring : rings_) fds.push_back({ring.started ? ring.kick.get() : -1, POLLIN, 0});
    ::poll(fds.data(), fds.size(), -1);
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) {
      if (socket_.fd() < 0) {
        socket_ = MessageSocket(UniqueFd(::accept(listener_.get(), nullptr, nullptr)));
      } else if (!handleMessage()) {
        return socket_.close();
      }
    }
    for (size_t i = 0; i < rings_.size(); ++i) {
      if (fds[2 + i].revents == 0) continue;
      eventfd_t count;
      ::eventfd_read(rings_[i].kick.get(), &count);
      if (!processRing(rings_[i])) return socket_.close();
    }
  }
}

bool RamBackEnd::handleMessage() {
  Result<Message> message = socket_.receive();
  if (!message) return false;
  Message reply;
  bool hasReply = false;
  const uint64_t value = handle(*message, reply, hasReply);
  if (hasReply) {
    return socket_.send(message->request, kVersion | kReplyFlag, reply.payload).ok();
  }
  if ((message->flags & kNeedReplyFlag) == 0) return true;
  return socket_.send(message->request, kVersion | kReplyFlag, bytesOf(value)).ok();
}

uint64_t RamBackEnd::handle(const Message& message, Message& reply, bool& hasReply) {
  const auto answer = [&](const auto& value) {
    const auto bytes = bytesOf(value);
    reply.payload.assign(bytes.begin(), bytes.end());
    hasReply = true;
    return uint64_t{0};
  };
  const auto state = payloadAs<VringState>(message);
  const auto takeFd = [&] {
    auto& fds = const_cast<Message&>(message).fds;
    return fds.empty() ? UniqueFd() : std::move(fds[0]);
  };
  Ring& ring = rings_[state.index % kMaxQueues];
  switch (Request(message.request)) {
    case Request::kGetFeatures:
      return answer(kFeatures);
    case Request::kGetProtocolFeatures:
      return answer(kProtocolFeatures);
    case Request::kGetQueueNum:
      return answer(uint64_t{kMaxQueues});
    case Request::kSetFeatures:
      eventIndex_ = (payloadAs<uint64_t>(message) >> kFeatureEventIndex & 1) != 0;
      return 0;
    case Request::kGetConfig: {
      reply.payload = message.payload;
      const uint64_t sectors = disk_.size() / 512;
      std::memcpy(reply.payload.data() + sizeof(ConfigHeader), &sectors, sizeof sectors);
      hasReply = true;
      return 0;
    }
    case Request::kAddMemReg:
      addRegion(payloadAs<SingleRegion>(message).region, message.fds[0].get());
      return 0;
    case Request::kSetVringNum:
      ring.size = static_cast<uint16_t>(state.value);
      return 0;
    case Request::kSetVringBase:
      ring.lastAvailable = static_cast<uint16_t>(state.value);
      return 0;
    case Request::kSetVringAddr: {
      const auto addresses = payloadAs<VringAddresses>(message);
      ring.descriptors = reinterpret_cast<Descriptor*>(fromFrontend(addresses.descriptorAddr));
      ring.available = reinterpret_cast<uint16_t*>(fromFrontend(addresses.availableAddr));
      ring.used = reinterpret_cast<uint16_t*>(fromFrontend(addresses.usedAddr));
      return 0;
    }
    case Request::kSetVringKick:
      ring.kick = takeFd();
      ring.started = true;
      return 0;
    case Request::kSetVringCall:
      ring.call = takeFd();
      return 0;
    case Request::kGetVringBase:
      ring.started = false;
      return answer(VringState{state.index, ring.lastAvailable});
    case Request::kResetOwner:
      return 22;  // something to be refused with
    default:
      return 0;
  }
}

void RamBackEnd::addRegion(const RegionDescription& description, int file) {
  void* mapping = ::mmap(nullptr, description.size, PROT_READ | PROT_WRITE, MAP_SHARED, file,
                         static_cast<off_t>(description.mmapOffset));
  mappings_.push_back({description, static_cast<std::byte*>(mapping)});
}

std::byte* RamBackEnd::fromFrontend(uint64_t address) const {
  for (const Mapping& mapping : mappings_) {
    const uint64_t offset = address - mapping.description.frontendAddr;
    if (offset < mapping.description.size) return mapping.hostAddr + offset;
  }
  return nullptr;
}

std::byte* RamBackEnd::fromGuest(uint64_t address) const {
  for (const Mapping& mapping : mappings_) {
    const uint64_t offset = address - mapping.description.guestAddr;
    if (offset < mapping.description.size) return mapping.hostAddr + offset;
  }
  return nullptr;
}

bool RamBackEnd::processRing(Ring& ring) {
  const uint16_t mask = ring.size - 1;
  const auto load = [](uint16_t& field) { return std::atomic_ref(field).load(); };
  uint16_t& availableEvent = ring.used[2 + ring.size * 4];
  while (true) {
    std::atomic_ref(availableEvent).store(ring.lastAvailable);
    if (load(ring.available[1]) == ring.lastAvailable) return true;

    const uint16_t head = ring.available[2 + (ring.lastAvailable++ & mask)];
    const uint64_t number = ++requests_;
    if (number == faults_.closeAtRequest) return false;
    if (number == faults_.swallowRequest) continue;
    const uint32_t written = execute(readChain(ring, head));

    const uint16_t usedIndex = ring.used[1];
    reinterpret_cast<UsedElement*>(ring.used + 2)[usedIndex & mask] = {head, written};
    std::atomic_ref(ring.used[1]).store(static_cast<uint16_t>(usedIndex + 1));
    const bool wanted = eventIndex_ ? load(ring.available[2 + ring.size]) == usedIndex
                                    : (load(ring.available[0]) & kAvailableNoInterrupt) == 0;
    if (wanted) ::eventfd_write(ring.call.get(), 1);
  }
}

std::vector<Descriptor> RamBackEnd::readChain(const Ring& ring, uint16_t head) const {
  const Descriptor* table = ring.descriptors;
  uint16_t index = head;
  if ((table[index].flags & kDescriptorIndirect) != 0) {
    table = reinterpret_cast<Descriptor*>(fromGuest(table[index].guestAddr));
    index = 0;
  }
  std::vector<Descriptor> chain;
  while (true) {
    chain.push_back(table[index]);
    if ((table[index].flags & kDescriptorNext) == 0) return chain;
    index = table[index].next;
  }
}

uint32_t RamBackEnd::execute(const std::vector<Descriptor>& chain) {
  virtio_blk_outhdr header;
  std::memcpy(&header, fromGuest(chain.front().guestAddr), sizeof header);
  uint64_t offset = header.sector * 512;
  uint32_t written = 1;
  const bool corrupt = header.type == VIRTIO_BLK_T_OUT && ++writes_ == faults_.corruptWrite;
  for (size_t i = 1; i + 1 < chain.size(); ++i) {
    std::byte* data = fromGuest(chain[i].guestAddr);
    if (header.type == VIRTIO_BLK_T_IN) {
      std::memcpy(data, disk_.data() + offset, chain[i].size);
      written += chain[i].size;
    } else if (header.type == VIRTIO_BLK_T_OUT) {
      std::memcpy(disk_.data() + offset, data, chain[i].size);
      if (corrupt) disk_[offset + chain[i].size - 1] ^= std::byte{1};
    } else if (header.type == VIRTIO_BLK_T_GET_ID) {
      std::memset(data, 'r', chain[i].size);
    }
    offset += chain[i].size;
  }
  const bool fail = requests_ == faults_.failRequest;
  *fromGuest(chain.back().guestAddr) = std::byte{fail ? uint8_t{VIRTIO_BLK_S_IOERR} : uint8_t{0}};
  return written;
}

}  // namespace holdfast::frontend
