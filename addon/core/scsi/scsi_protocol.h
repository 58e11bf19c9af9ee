#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace holdfast::scsi {

/// SCSI host device structures (virtio 1.4, 5.6); little-endian, as every host we build for.
constexpr uint64_t kFeatureHotplug = 1ULL << 1;
constexpr uint64_t kFeatureChange = 1ULL << 2;

constexpr uint16_t kControlQueue = 0;
constexpr uint16_t kEventQueue = 1;
/// Queues before the first request queue.
constexpr uint16_t kFixedQueues = 2;

constexpr size_t kLunSize = 8;
constexpr size_t kCdbSize = 32;
constexpr size_t kSenseSize = 96;

using LunField = std::array<uint8_t, kLunSize>;
using Cdb = std::array<uint8_t, kCdbSize>;

struct [[gnu::packed]] RequestHeader {
  LunField lun;
  uint64_t tag;
  uint8_t taskAttribute;  // all may be served as SIMPLE (5.6.6.1)
  uint8_t priority;
  uint8_t commandReferenceNumber;
  Cdb cdb;
};
static_assert(sizeof(RequestHeader) == 51);

struct [[gnu::packed]] ResponseHeader {
  uint32_t senseLength;
  uint32_t residual;
  uint16_t statusQualifier;
  uint8_t status;
  uint8_t response;
  std::array<uint8_t, kSenseSize> sense;
};
static_assert(sizeof(ResponseHeader) == 108);

enum class Response : uint8_t {
  kOk = 0,  // of a task management function: FUNCTION COMPLETE
  kOverrun = 1,
  kAborted = 2,
  kBadTarget = 3,
  kReset = 4,
  kFailure = 9,
  kFunctionSucceeded = 10,
  kFunctionRejected = 11,
  kIncorrectLun = 12,
};

enum ControlType : uint32_t {
  kTaskManagement = 0,
  kAsyncQuery = 1,
  kAsyncSubscribe = 2,
};

enum TaskManagementType : uint32_t {
  kAbortTask = 0,
  kAbortTaskSet = 1,
  kClearAca = 2,
  kClearTaskSet = 3,
  kNexusReset = 4,
  kLogicalUnitReset = 5,
  kQueryTask = 6,
  kQueryTaskSet = 7,
};

struct [[gnu::packed]] TaskManagementRequest {
  uint32_t type;
  uint32_t subtype;
  LunField lun;
  uint64_t tag;
};
static_assert(sizeof(TaskManagementRequest) == 24);

struct [[gnu::packed]] AsyncRequest {
  uint32_t type;
  LunField lun;
  uint32_t eventRequested;
};
static_assert(sizeof(AsyncRequest) == 16);

struct [[gnu::packed]] AsyncResponse {
  uint32_t eventActual;
  uint8_t response;
};
static_assert(sizeof(AsyncResponse) == 5);

enum EventType : uint32_t {
  kNoEvent = 0,
  kTransportReset = 1,
  kParameterChange = 3,
  kEventsMissed = 0x80000000,
};

enum TransportResetReason : uint32_t { kRescan = 1, kRemoved = 2 };

struct [[gnu::packed]] Event {
  uint32_t event;
  LunField lun;
  uint32_t reason;
};
static_assert(sizeof(Event) == 16);

struct [[gnu::packed]] Config {
  uint32_t requestQueueCount;
  uint32_t segMax;
  uint32_t maxSectors;
  uint32_t commandsPerLun;
  uint32_t eventInfoSize;
  uint32_t senseSize;
  uint32_t cdbSize;
  uint16_t maxChannel;
  uint16_t maxTarget;
  uint32_t maxLun;
};
static_assert(sizeof(Config) == 36);

/// Status codes (SAM-5, 5.3.1).
enum class ScsiStatus : uint8_t {
  kGood = 0x00,
  kCheckCondition = 0x02,
  kBusy = 0x08,
  kReservationConflict = 0x18,
  kTaskSetFull = 0x28,
};

}  // namespace holdfast::scsi
