#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/base/status.h"
#include "frontend/scsi_driver.h"

namespace holdfast::initiator {

/// `ID cmd LUN CDB IN-LENGTH [OUT]`: LUN (8 bytes), CDB and data in hexadecimal, `-` for none.
struct CommandLine {
  std::string id;
  frontend::ScsiLun lun{};
  std::vector<uint8_t> cdb;
  uint32_t dataInLength = 0;
  std::vector<uint8_t> dataOut;
};

/// `ID tmf LUN SUBTYPE`: a task management function, virtio's number for it.
struct FunctionLine {
  std::string id;
  frontend::ScsiLun lun{};
  uint32_t subtype = 0;
};

/// `ID migration STEP`: one of the steps of frontend::Migration.
struct MigrationLine {
  std::string id;
  enum class Step { kBegin, kStop, kEnd, kResume } step = Step::kBegin;
};

using Line = std::variant<CommandLine, FunctionLine, MigrationLine>;

/// Error: the line is none of these.
Result<Line> parseLine(const std::string& line);

/// Two digits a byte; `-` for none.
template <typename Bytes>
std::string hexOf(const Bytes& bytes) {
  if (std::size(bytes) == 0) return "-";
  std::string text;
  for (const auto byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[static_cast<uint8_t>(byte) >> 4];
    text += kDigits[static_cast<uint8_t>(byte) & 15];
  }
  return text;
}

}  // namespace holdfast::initiator
