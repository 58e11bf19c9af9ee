#include "loadgen/report.h"

#include <cstdio>

namespace holdfast::loadgen {

namespace {

/// A string literal of JSON. Messages are ASCII of our own, so quotes and control characters are
/// all that could hurt.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + '"';
}

std::string number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

std::string latencies(const Histogram& histogram) {
  const auto microseconds = [](double nanoseconds) { return number(nanoseconds / 1000); };
  return "{\"mean\":" + microseconds(histogram.mean()) +
         ",\"p50\":" + microseconds(histogram.percentile(0.5)) +
         ",\"p99\":" + microseconds(histogram.percentile(0.99)) +
         ",\"p999\":" + microseconds(histogram.percentile(0.999)) +
         ",\"max\":" + microseconds(double(histogram.max())) + "}";
}

}  // namespace

std::string toJson(const Report& report, const Options& options) {
  const Tally& tally = report.tally;
  const uint64_t operations = tally.reads + tally.writes;
  const double perSecond = double(operations) / report.seconds;
  std::string json = "{\"seconds\":" + number(report.seconds);
  json += ",\"reads\":" + std::to_string(tally.reads);
  json += ",\"writes\":" + std::to_string(tally.writes);
  json += ",\"iops\":" + number(perSecond);
  json += ",\"megabytesPerSecond\":" + number(perSecond * options.blockSize / 1e6);
  json += ",\"latencyUs\":" + latencies(tally.latencies);
  json += ",\"kicks\":" + std::to_string(tally.kicks);
  json += ",\"sleeps\":" + std::to_string(tally.sleeps);
  json += ",\"clientCpuNs\":" + std::to_string(report.clientCpuNs);
  if (report.serverCpuNs) json += ",\"serverCpuNs\":" + std::to_string(*report.serverCpuNs);
  json += ",\"checkedReads\":" + std::to_string(tally.checkedReads);
  json += ",\"errors\":" + std::to_string(tally.errors);
  if (tally.errors > 0) json += ",\"firstError\":" + quoted(tally.firstError);
  return json + "}";
}

}  // namespace holdfast::loadgen
