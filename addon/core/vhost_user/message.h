#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/memory/memory_map.h"

/// The wire format of vhost-user (docs/interop/vhost-user.rst, "Message Specification"): host byte
/// order, no padding beyond what is written here.
namespace holdfast::vhost_user {

/// Front end to back end. Those that are missing are never answered with more than a refusal.
enum class Request : uint32_t {
  kGetFeatures = 1,
  kSetFeatures = 2,
  kSetOwner = 3,
  kResetOwner = 4,
  kSetMemTable = 5,
  kSetLogBase = 6,
  kSetLogFd = 7,
  kSetVringNum = 8,
  kSetVringAddr = 9,
  kSetVringBase = 10,
  kGetVringBase = 11,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kSetVringErr = 14,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
  kGetQueueNum = 17,
  kSetVringEnable = 18,
  kSetBackendReqFd = 21,
  kGetConfig = 24,
  kSetConfig = 25,
  kGetInflightFd = 31,
  kSetInflightFd = 32,
  kResetDevice = 34,
  kGetMaxMemSlots = 36,
  kAddMemReg = 37,
  kRemMemReg = 38,
};

/// Back end to front end, on the channel of SET_BACKEND_REQ_FD.
enum class BackendRequest : uint32_t { kConfigChange = 2 };

/// VHOST_USER_PROTOCOL_F_*, as masks.
enum ProtocolFeature : uint64_t {
  kMultiqueue = 1ULL << 0,
  kLogShmfd = 1ULL << 1,
  kReplyAck = 1ULL << 3,
  kBackendReq = 1ULL << 5,
  kConfig = 1ULL << 9,
  kInflightShmfd = 1ULL << 12,
  kResetDeviceFeature = 1ULL << 13,
  kConfigureMemSlots = 1ULL << 15,
};

/// VHOST_USER_F_PROTOCOL_FEATURES among the virtio feature bits.
inline constexpr uint64_t kProtocolFeaturesBit = 1ULL << 30;

/// VIRTIO_F_RING_PACKED: decides over what SET_VRING_NUM and SET_VRING_BASE may say.
inline constexpr uint64_t kPackedRingBit = 1ULL << 34;
/// VHOST_F_LOG_ALL among them: writes to guest memory are to be marked in the dirty log.
inline constexpr uint64_t kLogAllBit = 1ULL << 26;

struct MessageHeader {
  static constexpr uint32_t kVersionMask = 0x3;
  static constexpr uint32_t kVersion = 1;
  static constexpr uint32_t kReply = 1U << 2;
  static constexpr uint32_t kNeedReply = 1U << 3;

  uint32_t request = 0;
  uint32_t flags = kVersion;
  uint32_t size = 0;  // of the payload, bytes
};
static_assert(sizeof(MessageHeader) == 12);

/// SET_VRING_NUM, _BASE, _ENABLE and GET_VRING_BASE.
struct VringState {
  uint32_t index = 0;
  uint32_t value = 0;
};
static_assert(sizeof(VringState) == 8);

/// SET_VRING_ADDR. Addresses are the front end's own.
struct VringAddresses {
  uint32_t index = 0;
  uint32_t flags = 0;
  uint64_t descriptorAddr = 0;
  uint64_t usedAddr = 0;
  uint64_t availableAddr = 0;
  uint64_t logAddr = 0;
};
static_assert(sizeof(VringAddresses) == 40);

/// VHOST_VRING_F_LOG in VringAddresses::flags: so are writes to this ring.
inline constexpr uint32_t kVringLogFlag = 1;

/// SET_LOG_BASE: where in its file the dirty log is, bytes.
struct LogDescription {
  uint64_t size = 0;
  uint64_t offset = 0;
};
static_assert(sizeof(LogDescription) == 16);

/// virtio 1.4, 2.7 and 2.8: "The maximum Queue Size value is 32768".
inline constexpr uint32_t kMaxRingSize = 32768;

/// The number of SET_VRING_KICK, _CALL and _ERR: the queue, and whether a descriptor comes along.
inline constexpr uint64_t kVringNoFd = 1ULL << 8;

/// SET_MEM_TABLE starts with this; `regionCount` RegionDescriptions follow.
struct MemoryTableHeader {
  uint32_t regionCount = 0;
  uint32_t padding = 0;
};
static_assert(sizeof(MemoryTableHeader) == 8);

/// ADD_MEM_REG and REM_MEM_REG.
struct SingleRegion {
  uint64_t padding = 0;
  RegionDescription region;
};
static_assert(sizeof(RegionDescription) == 32 && sizeof(SingleRegion) == 40);

/// GET_CONFIG and SET_CONFIG start with this; `size` bytes of the config space follow.
struct ConfigHeader {
  uint32_t offset = 0;
  uint32_t size = 0;
  uint32_t flags = 0;
};
static_assert(sizeof(ConfigHeader) == 12);

/// GET_INFLIGHT_FD and SET_INFLIGHT_FD. Four bytes of padding may follow on the wire.
struct InflightDescription {
  static constexpr uint32_t kBytes = 20;

  uint64_t mmapSize = 0;
  uint64_t mmapOffset = 0;
  uint16_t queueCount = 0;
  uint16_t queueSize = 0;  // descriptors
};
static_assert(sizeof(InflightDescription) == InflightDescription::kBytes + 4);

/// Bytes of config space that the protocol can address ("Virtio device config space").
inline constexpr size_t kMaxConfigSize = 256;
/// Regions of one SET_MEM_TABLE, and so the most fds a message can have. QEMU sends up to 8,
/// rust-vmm's front end up to 32; who has more adds them one by one.
inline constexpr size_t kMaxMessageFds = 32;
/// The longest payload any message has: a SET_MEM_TABLE with that many regions.
inline constexpr size_t kMaxPayload =
    sizeof(MemoryTableHeader) + kMaxMessageFds * sizeof(RegionDescription);

/// The longest payload of a reply: a GET_CONFIG's.
inline constexpr size_t kMaxReplyPayload = sizeof(ConfigHeader) + kMaxConfigSize;

/// One message as received: what the peer says, checked for nothing but the header's form.
struct Message {
  MessageHeader header;
  std::array<std::byte, kMaxPayload> buffer;
  std::vector<UniqueFd> fds;

  std::span<const std::byte> payload() const { return {buffer.data(), header.size}; }

  /// The start of the payload as a `T`. What isn't there reads as anything: checkForm() comes
  /// first.
  template <typename T>
  T read() const {
    static_assert(sizeof(T) <= kMaxPayload);
    T value;
    std::memcpy(&value, buffer.data(), sizeof value);
    return value;
  }
};

/// The specification's name without its prefix ("SET_VRING_NUM"), also of messages that are never
/// served; "message 99" where there is none.
std::string requestName(uint32_t request);

/// The form of a request that this back end serves.
struct RequestForm {
  Request request;
  uint32_t minPayload;  // bytes
  uint32_t maxPayload;
  uint32_t maxFds;
  uint64_t feature;  // the ProtocolFeature it belongs to, or 0
  /// The specification gives it a reply of its own, so it is never acknowledged.
  bool hasReply;
};

/// Null for every request that isn't served.
const RequestForm* formOf(uint32_t request);

/// Errors: the payload's size or the number of fds isn't what `form` says.
Status checkForm(const RequestForm& form, const Message& message);

/// The bytes of a wire struct.
template <typename T>
std::span<const std::byte> bytesOf(const T& value) {
  return std::as_bytes(std::span<const T, 1>(&value, 1));
}

}  // namespace holdfast::vhost_user
