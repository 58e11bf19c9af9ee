#pragma once

#include <cstddef>
#include <cstdint>

#include "core/memory/memory_map.h"

/// The vhost-user wire format as the front end writes it (docs/interop/vhost-user.rst). Written
/// apart from the back end's own codec on purpose: two codecs that agree are a test of each other.
namespace holdfast::frontend {

/// Front end to back end.
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
  kSendRarp = 19,
  kSetBackendReqFd = 21,
  kIotlbMsg = 22,
  kSetVringEndian = 23,
  kGetConfig = 24,
  kSetConfig = 25,
  kPostcopyAdvise = 28,
  kPostcopyListen = 29,
  kPostcopyEnd = 30,
  kGetInflightFd = 31,
  kSetInflightFd = 32,
  kResetDevice = 34,
  kVringKick = 35,
  kGetMaxMemSlots = 36,
  kAddMemReg = 37,
  kRemMemReg = 38,
  kSetStatus = 39,
  kGetStatus = 40,
  kSetDeviceStateFd = 42,
  kCheckDeviceState = 43,
};

/// Back end to front end, on the channel of SET_BACKEND_REQ_FD.
enum class BackendRequest : uint32_t {
  kIotlbMsg = 1,
  kConfigChangeMsg = 2,
  kVringCall = 4,
  kVringErr = 5,
};

/// VHOST_USER_PROTOCOL_F_*, as bit masks.
namespace protocol_feature {
inline constexpr uint64_t kMultiqueue = 1ULL << 0;
inline constexpr uint64_t kLogShmfd = 1ULL << 1;
inline constexpr uint64_t kReplyAck = 1ULL << 3;
inline constexpr uint64_t kBackendReq = 1ULL << 5;
inline constexpr uint64_t kConfig = 1ULL << 9;
inline constexpr uint64_t kInflightShmfd = 1ULL << 12;
inline constexpr uint64_t kResetDevice = 1ULL << 13;
inline constexpr uint64_t kConfigureMemSlots = 1ULL << 15;
inline constexpr uint64_t kStatus = 1ULL << 16;
}  // namespace protocol_feature

/// VHOST_USER_F_PROTOCOL_FEATURES: the one feature bit that is vhost-user's own.
inline constexpr uint64_t kProtocolFeaturesBit = 1ULL << 30;
inline constexpr uint64_t kVirtioVersion1Bit = 1ULL << 32;

/// Bits 0-1 of the header's flags are the version, always 1.
inline constexpr uint32_t kVersion = 1;
inline constexpr uint32_t kReplyFlag = 1U << 2;
inline constexpr uint32_t kNeedReplyFlag = 1U << 3;

/// VHOST_F_LOG_ALL: writes to guest memory are marked in the log.
inline constexpr uint64_t kLogAllBit = 1ULL << 26;
/// VHOST_VRING_F_LOG: so are writes to this ring.
inline constexpr uint32_t kVringLogFlag = 1;

/// In the u64 of SET_VRING_KICK, _CALL and _ERR: no fd comes with the message.
inline constexpr uint64_t kNoFd = 1ULL << 8;

struct MessageHeader {
  uint32_t request = 0;
  uint32_t flags = kVersion;
  uint32_t size = 0;  // of the payload, bytes
};
static_assert(sizeof(MessageHeader) == 12);

struct VringState {
  uint32_t index = 0;
  uint32_t value = 0;
};

/// Addresses are the front end's own (`RegionDescription::frontendAddr`), not the guest's.
struct VringAddresses {
  uint32_t index = 0;
  uint32_t flags = 0;
  uint64_t descriptorAddr = 0;
  uint64_t usedAddr = 0;
  uint64_t availableAddr = 0;
  uint64_t logAddr = 0;
};
static_assert(sizeof(VringAddresses) == 40);

/// The payload of SET_LOG_BASE.
struct LogDescription {
  uint64_t mmapSize = 0;
  uint64_t mmapOffset = 0;
};

struct MemTableHeader {
  uint32_t regionCount = 0;
  uint32_t padding = 0;
};

/// The payload of ADD_MEM_REG and REM_MEM_REG.
struct SingleRegion {
  uint64_t padding = 0;
  RegionDescription region;
};
static_assert(sizeof(RegionDescription) == 32 && offsetof(RegionDescription, mmapOffset) == 24,
              "goes on the wire as it is");

/// Precedes the bytes of the config space in GET_CONFIG and SET_CONFIG.
struct ConfigHeader {
  uint32_t offset = 0;
  uint32_t size = 0;
  uint32_t flags = 0;
};

/// The payload of GET_INFLIGHT_FD and SET_INFLIGHT_FD.
struct InflightDescription {
  uint64_t mmapSize = 0;
  uint64_t mmapOffset = 0;
  uint16_t queueCount = 0;
  uint16_t queueSize = 0;
  uint32_t padding = 0;
};
static_assert(sizeof(InflightDescription) == 24);

}  // namespace holdfast::frontend
