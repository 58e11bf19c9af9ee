#include "initiator/command_line.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <sstream>
#include <utility>

namespace holdfast::initiator {
namespace {

bool readHex(const std::string& text, std::vector<uint8_t>& bytes) {
  if (text == "-") return true;
  if (text.size() % 2 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 2) {
    uint8_t byte = 0;
    const char* begin = text.data() + i;
    const auto read = std::from_chars(begin, begin + 2, byte, 16);
    if (read.ec != std::errc{} || read.ptr != begin + 2) return false;
    bytes.push_back(byte);
  }
  return true;
}

bool readLun(const std::string& text, frontend::ScsiLun& lun) {
  std::vector<uint8_t> bytes;
  if (!readHex(text, bytes) || bytes.size() != lun.size()) return false;
  std::copy(bytes.begin(), bytes.end(), lun.begin());
  return true;
}

bool readStep(const std::string& text, MigrationLine::Step& step) {
  using Step = MigrationLine::Step;
  constexpr std::pair<const char*, Step> kSteps[] = {{"begin", Step::kBegin},
                                                     {"stop", Step::kStop},
                                                     {"end", Step::kEnd},
                                                     {"resume", Step::kResume}};
  for (const auto& [name, named] : kSteps) {
    if (text != name) continue;
    step = named;
    return true;
  }
  return false;
}

}  // namespace

Result<Line> parseLine(const std::string& line) {
  const Error notUnderstood{EINVAL, "not understood: " + line.substr(0, 100)};
  std::istringstream words(line);
  std::string id, kind, lun;  // or another first argument
  if (!(words >> id >> kind >> lun)) return notUnderstood;
  if (kind == "migration") {
    MigrationLine migration;
    migration.id = id;
    if (!readStep(lun, migration.step)) return notUnderstood;
    return Line(std::move(migration));
  }
  if (kind == "tmf") {
    FunctionLine function;
    function.id = id;
    if (!readLun(lun, function.lun) || !(words >> function.subtype)) return notUnderstood;
    return Line(std::move(function));
  }
  CommandLine command;
  command.id = id;
  std::string cdb, dataOut;
  if (kind != "cmd" || !readLun(lun, command.lun) ||
      !(words >> cdb >> command.dataInLength >> dataOut) || !readHex(cdb, command.cdb) ||
      !readHex(dataOut, command.dataOut))
    return notUnderstood;
  return Line(std::move(command));
}

}  // namespace holdfast::initiator
