#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::blk {

/// Block device structures (virtio 1.4, 5.2); little-endian, as every host we build for.
constexpr uint64_t kSectorSize = 512;
constexpr uint32_t kIdSize = 20;

constexpr uint64_t kFeatureSegMax = 1ULL << 2;
constexpr uint64_t kFeatureReadOnly = 1ULL << 5;
constexpr uint64_t kFeatureBlockSize = 1ULL << 6;
constexpr uint64_t kFeatureScsi = 1ULL << 7;  // legacy
constexpr uint64_t kFeatureFlush = 1ULL << 9;
constexpr uint64_t kFeatureTopology = 1ULL << 10;
constexpr uint64_t kFeatureConfigWce = 1ULL << 11;
constexpr uint64_t kFeatureMultiqueue = 1ULL << 12;
constexpr uint64_t kFeatureDiscard = 1ULL << 13;
constexpr uint64_t kFeatureWriteZeroes = 1ULL << 14;

enum RequestType : uint32_t {
  kTypeIn = 0,
  kTypeOut = 1,
  kTypeScsiCommand = 2,  // legacy, as the next
  kTypeScsiCommandOut = 3,
  kTypeFlush = 4,
  kTypeGetId = 8,
  kTypeDiscard = 11,
  kTypeWriteZeroes = 13,
};

enum RequestStatus : uint8_t { kStatusOk = 0, kStatusIoError = 1, kStatusUnsupported = 2 };

struct RequestHeader {
  uint32_t type;
  uint32_t reserved;
  uint64_t sector;
};
static_assert(sizeof(RequestHeader) == 16);

/// What precedes the status byte of a SCSI command; the sense buffer lies before it (virtio 0.9.5,
/// "Legacy Interface: Device Operation").
struct ScsiTrailer {
  uint32_t errors;  // the SCSI status
  uint32_t dataLength;
  uint32_t senseLength;
  uint32_t residual;
};
static_assert(sizeof(ScsiTrailer) == 16);

constexpr size_t kScsiSenseSize = 96;

struct DiscardSegment {
  static constexpr uint32_t kUnmap = 1;

  uint64_t sector;
  uint32_t sectorCount;
  uint32_t flags;
};
static_assert(sizeof(DiscardSegment) == 16);

struct [[gnu::packed]] Config {
  uint64_t capacity;  // 512-byte sectors
  uint32_t sizeMax;
  uint32_t segMax;
  uint16_t cylinders;
  uint8_t heads;
  uint8_t sectors;
  uint32_t blockSize;
  uint8_t physicalBlockExponent;
  uint8_t alignmentOffset;
  uint16_t minimumIoSize;
  uint32_t optimalIoSize;
  uint8_t writeback;
  uint8_t unused0;
  uint16_t queueCount;
  uint32_t maxDiscardSectors;
  uint32_t maxDiscardSegments;
  uint32_t discardSectorAlignment;
  uint32_t maxWriteZeroesSectors;
  uint32_t maxWriteZeroesSegments;
  uint8_t writeZeroesMayUnmap;
  uint8_t unused1[3];
};
static_assert(sizeof(Config) == 60);

}  // namespace holdfast::blk
