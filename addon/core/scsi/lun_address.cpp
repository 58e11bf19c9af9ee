#include "core/scsi/lun_address.h"

#include <algorithm>

namespace holdfast::scsi {

LunAddress LunAddress::decode(const LunField& field) {
  constexpr LunField kReportLunsField{0xc1, 0x01};
  if (field == kReportLunsField) return {.kind = Kind::kReportLuns};
  if (field[0] != 1) return {};
  LunAddress address{.kind = Kind::kOtherOfTarget, .target = field[1]};
  const bool singleLevel =
      std::all_of(field.begin() + 4, field.end(), [](uint8_t b) { return !b; });
  const uint8_t method = field[2] >> 6;
  const auto number = static_cast<uint16_t>((field[2] << 8 | field[3]) & kLunMax);
  // Of peripheral addressing (0) bits 8 to 13 are a bus; flat addressing (1) has no other fields.
  if (!singleLevel || method > 1 || (method == 0 && number > 0xff)) return address;
  address.kind = Kind::kLogicalUnit;
  address.lun = number;
  return address;
}

LunField LunAddress::encode(uint8_t target, uint16_t lun) {
  const unsigned flat = lun > 0xff ? 0x40 : 0;
  return {1, target, static_cast<uint8_t>(flat | lun >> 8), static_cast<uint8_t>(lun)};
}

}  // namespace holdfast::scsi
