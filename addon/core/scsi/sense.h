#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace holdfast::scsi {

/// Why a command ended with CHECK CONDITION (SPC-4, 4.5).
struct Sense {
  /// The sense-key specific bytes of ILLEGAL REQUEST: where the field in error is.
  struct FieldPointer {
    bool inCdb = true;  // else in the parameter list
    uint16_t byte = 0;
    /// Most significant bit of the field, -1 if the field begins at the byte.
    int8_t bit = -1;
  };

  uint8_t key = 0;
  uint8_t asc = 0;
  uint8_t ascq = 0;
  std::optional<uint64_t> information{};
  std::optional<FieldPointer> field{};

  static constexpr size_t kEncodedMax = 28;

  /// Writes current sense data, in descriptor format or in fixed format; returns its size, at most
  /// kEncodedMax. Fixed format leaves out information of more than 32 bits.
  size_t encode(bool descriptorFormat, std::span<uint8_t, kEncodedMax> data) const;

 private:
  size_t encodeFixed(std::span<uint8_t, kEncodedMax> data) const;
  size_t encodeDescriptors(std::span<uint8_t, kEncodedMax> data) const;
};

namespace sense {

inline constexpr Sense kUnrecoveredReadError{.key = 0x3, .asc = 0x11, .ascq = 0x00};
inline constexpr Sense kWriteError{.key = 0x3, .asc = 0x0c, .ascq = 0x00};
inline constexpr Sense kInternalTargetFailure{.key = 0x4, .asc = 0x44, .ascq = 0x00};
inline constexpr Sense kParameterListLengthError{.key = 0x5, .asc = 0x1a, .ascq = 0x00};
inline constexpr Sense kInvalidCommandOperationCode{.key = 0x5, .asc = 0x20, .ascq = 0x00};
inline constexpr Sense kWriteProtected{.key = 0x7, .asc = 0x27, .ascq = 0x00};
inline constexpr Sense kSoftwareWriteProtected{.key = 0x7, .asc = 0x27, .ascq = 0x02};
/// SPACE ALLOCATION FAILED WRITE PROTECT: the thin device is full.
inline constexpr Sense kSpaceAllocationFailed{.key = 0x7, .asc = 0x27, .ascq = 0x07};
/// LOGICAL UNIT COMMUNICATION TIME-OUT: whether the command was carried out is unknown.
inline constexpr Sense kCommunicationTimeout{.key = 0xb, .asc = 0x08, .ascq = 0x01};

/// LOGICAL BLOCK ADDRESS OUT OF RANGE; `first`: the first block that could not be addressed.
constexpr Sense lbaOutOfRange(uint64_t first) {
  return {.key = 0x5, .asc = 0x21, .ascq = 0x00, .information = first};
}
constexpr Sense invalidCdbField(uint16_t byte, int8_t bit = -1) {
  return {.key = 0x5,
          .asc = 0x24,
          .ascq = 0x00,
          .field = Sense::FieldPointer{.inCdb = true, .byte = byte, .bit = bit}};
}
constexpr Sense invalidParameterField(uint16_t byte) {
  return {.key = 0x5,
          .asc = 0x26,
          .ascq = 0x00,
          .field = Sense::FieldPointer{.inCdb = false, .byte = byte}};
}
/// MISCOMPARE DURING VERIFY OPERATION, of VERIFY.
inline constexpr Sense kMiscompare{.key = 0xe, .asc = 0x1d, .ascq = 0x00};
/// The same of COMPARE AND WRITE; `offset`: of the first byte that differs.
constexpr Sense miscompare(uint64_t offset) {
  return {.key = 0xe, .asc = 0x1d, .ascq = 0x00, .information = offset};
}

}  // namespace sense

}  // namespace holdfast::scsi
