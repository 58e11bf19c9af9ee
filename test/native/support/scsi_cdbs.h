#pragma once

#include <cstdint>
#include <vector>

namespace holdfast::test {

/// CDBs as a driver writes them, apart from the device's own codec on purpose.
using CdbBytes = std::vector<uint8_t>;

inline void appendBigEndian(CdbBytes& cdb, uint64_t value, unsigned size) {
  for (unsigned shift = 8 * size; shift > 0; shift -= 8)
    cdb.push_back(static_cast<uint8_t>(value >> (shift - 8)));
}

/// Opcode, flags, LBA, blocks of a READ, WRITE, SYNCHRONIZE CACHE or WRITE SAME of 10, 12 or 16
/// bytes, by the group of `opcode`.
inline CdbBytes blockCdb(uint8_t opcode, uint64_t lba, uint64_t blocks, uint8_t flags = 0) {
  CdbBytes cdb{opcode, flags};
  switch (opcode >> 5) {
    case 4:
      appendBigEndian(cdb, lba, 8);
      appendBigEndian(cdb, blocks, 4);
      cdb.resize(16);
      return cdb;
    case 5:
      appendBigEndian(cdb, lba, 4);
      appendBigEndian(cdb, blocks, 4);
      cdb.resize(12);
      return cdb;
    default:
      appendBigEndian(cdb, lba, 4);
      cdb.push_back(0);
      appendBigEndian(cdb, blocks, 2);
      cdb.resize(10);
      return cdb;
  }
}

/// READ(6), WRITE(6).
inline CdbBytes shortCdb(uint8_t opcode, uint32_t lba, uint8_t blocks) {
  CdbBytes cdb{opcode};
  appendBigEndian(cdb, lba, 3);
  cdb.push_back(blocks);
  cdb.push_back(0);
  return cdb;
}

inline CdbBytes compareAndWriteCdb(uint64_t lba, uint8_t blocks, uint8_t flags = 0) {
  CdbBytes cdb{0x89, flags};
  appendBigEndian(cdb, lba, 8);
  cdb.resize(13);
  cdb.push_back(blocks);
  cdb.resize(16);
  return cdb;
}

inline CdbBytes unmapCdb(uint16_t parameterListLength, uint8_t flags = 0) {
  CdbBytes cdb{0x42, flags, 0, 0, 0, 0, 0};
  appendBigEndian(cdb, parameterListLength, 2);
  cdb.push_back(0);
  return cdb;
}

}  // namespace holdfast::test
