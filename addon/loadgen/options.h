#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace holdfast::loadgen {

/// How a completion is noticed.
enum class Completion {
  kInterrupt,  // asleep on the call eventfd between completions, as a guest's driver
  kPoll,       // spinning on the used index, no interrupt asked for, as SPDK's initiator
};

/// The type of the device that the back end offers.
enum class DeviceKind { kBlk, kScsi };

/// What the command line asks for. Sizes in bytes.
struct Options {
  std::string socketPath;
  DeviceKind device = DeviceKind::kBlk;
  bool idle = false;
  unsigned readPercent = 100;
  bool sequential = false;
  uint32_t blockSize = 4096;
  uint32_t segments = 1;
  uint16_t depth = 1;
  uint16_t queues = 1;
  /// I/Os a second over all queues, evenly spaced; 0: as many as come back (closed loop).
  double rate = 0;
  double warmupSeconds = 0.5;
  double seconds = 5;
  /// How long to wait, after the window, for anything to come back. A device may take a path's
  /// time-out.
  double drainSeconds = 30;
  /// Bytes of the device that are used, from its start; 0: all.
  uint64_t range = 0;
  bool verify = false;
  Completion completion = Completion::kInterrupt;
  bool indirect = true;
  bool eventIndex = true;
  bool flush = true;
  bool packed = false;
  std::vector<int> cpus;
  uint64_t seed = 1;
  /// A process whose CPU time is taken over the measured window; 0: none.
  int serverPid = 0;
};

/// `arguments` without the program's name. Errors name the argument that is wrong; `--help` is an
/// Error with code 0 whose message is the usage.
Result<Options> parseOptions(std::span<char* const> arguments);

}  // namespace holdfast::loadgen
