#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "frontend/migration.h"
#include "frontend/scsi_driver.h"
#include "initiator/command_line.h"

namespace holdfast::initiator {

/// A guest that does what it is told line by line, so that tests written in another language can
/// be one. Commands run side by side; each answer names its command.
class Session {
 public:
  /// Connects and starts. Error: nobody there, or not vhost-user-scsi.
  static Result<std::unique_ptr<Session>> open(const std::string& socketPath);

  /// Reads commands from `in` and prints answers to stdout until `in` ends and all are answered.
  /// Error: the back end went away, or a line is not understood.
  Status run(int in);

 private:
  /// Commands on their way at once.
  static constexpr unsigned kSlots = 160;
  static constexpr uint32_t kDataSize = 256 * 1024;

  struct Slot {
    frontend::ScsiDriver::Request request;  // with room for kDataSize
    std::string id;
    uint16_t head = 0;
    bool busy = false;
  };

  explicit Session(std::unique_ptr<frontend::ScsiDriver> driver) : driver_(std::move(driver)) {}

  Status prepareSlots();
  Status waitFor(int in);
  bool readMore(int in);
  Status serve();
  Status takeLines();
  Status takeLine(const std::string& line);
  Status start(const CommandLine& command);
  Status manage(const FunctionLine& function);
  Status migrate(const MigrationLine& line);
  Status reap();
  void print(const Slot& slot, uint32_t writtenBytes) const;

  std::unique_ptr<frontend::ScsiDriver> driver_;
  std::unique_ptr<frontend::Migration> migration_;  // refers to the driver
  std::array<Slot, kSlots> slots_;
  unsigned busy_ = 0;
  std::string text_;  // read and not yet taken
};

}  // namespace holdfast::initiator
