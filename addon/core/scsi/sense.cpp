#include "core/scsi/sense.h"

#include <algorithm>

#include "core/scsi/big_endian.h"

namespace holdfast::scsi {
namespace {

void encodeFieldPointer(const Sense::FieldPointer& field, uint8_t* data) {
  constexpr unsigned kValid = 0x80;
  constexpr unsigned kCommandData = 0x40;
  constexpr unsigned kBitPointerValid = 0x08;
  unsigned flags = kValid;
  if (field.inCdb) flags |= kCommandData;
  if (field.bit >= 0) flags |= kBitPointerValid | static_cast<unsigned>(field.bit);
  data[0] = static_cast<uint8_t>(flags);
  storeBigEndian(data + 1, 2, field.byte);
}

}  // namespace

size_t Sense::encode(bool descriptorFormat, std::span<uint8_t, kEncodedMax> data) const {
  std::fill(data.begin(), data.end(), uint8_t{0});
  return descriptorFormat ? encodeDescriptors(data) : encodeFixed(data);
}

size_t Sense::encodeFixed(std::span<uint8_t, kEncodedMax> data) const {
  constexpr size_t kSize = 18;
  data[0] = 0x70;
  if (information && *information <= UINT32_MAX) {
    data[0] |= 0x80;  // VALID
    storeBigEndian(&data[3], 4, *information);
  }
  data[2] = key;
  data[7] = kSize - 8;
  data[12] = asc;
  data[13] = ascq;
  if (field) encodeFieldPointer(*field, &data[15]);
  return kSize;
}

size_t Sense::encodeDescriptors(std::span<uint8_t, kEncodedMax> data) const {
  size_t size = 8;
  data[0] = 0x72;
  data[1] = key;
  data[2] = asc;
  data[3] = ascq;
  if (information) {
    uint8_t* descriptor = &data[size];
    descriptor[0] = 0x00;
    descriptor[1] = 0x0a;
    descriptor[2] = 0x80;  // VALID
    storeBigEndian(descriptor + 4, 8, *information);
    size += 12;
  }
  if (field) {
    uint8_t* descriptor = &data[size];
    descriptor[0] = 0x02;
    descriptor[1] = 0x06;
    encodeFieldPointer(*field, descriptor + 4);
    size += 8;
  }
  data[7] = static_cast<uint8_t>(size - 8);
  return size;
}

}  // namespace holdfast::scsi
