#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "loadgen/options.h"
#include "loadgen/queue_load.h"

namespace holdfast::loadgen {

/// The result of a run.
struct Report {
  /// Of the window that was measured.
  double seconds = 0;
  Tally tally;
  uint64_t clientCpuNs = 0;
  std::optional<uint64_t> serverCpuNs;
};

/// One JSON object on one line. Latencies in microseconds; MB are 10^6 bytes.
std::string toJson(const Report& report, const Options& options);

}  // namespace holdfast::loadgen
