#include "loadgen/options.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <map>
#include <string_view>

namespace holdfast::loadgen {

namespace {

constexpr char kUsage[] = R"(Usage: holdfast-loadgen --socket PATH [options]

Drives a vhost-user-blk or vhost-user-scsi back end as a guest would and prints
one JSON object.

Load (closed loop unless --rate is given)
  --read PERCENT       share of reads, the rest are writes        100
  --sequential         ascending blocks instead of random ones
  --block-size BYTES   size of a request                          4K
  --segments N         descriptors its data is split into         1
  --depth N            requests in flight in each queue           1
  --queues N           queues, a thread for each                  1
  --rate N             I/Os a second in all, evenly spaced
  --idle               start the rings and send nothing
  --range BYTES        use only the first bytes of the device     all
  --seed N             of the random numbers                      1
  --device KIND        blk, or scsi: LUN 0 of target 0             blk
  --verify             write known contents, check every read, and
                       read back all that was written at the end
Time
  --warmup SECONDS     not measured                               0.5
  --seconds SECONDS    measured                                   5
  --drain SECONDS      the longest wait afterwards, for what is
                       in flight                                  30
Driver
  --completion MODE    interrupt (sleeps, as a guest does) or
                       poll (spins on the used index)             interrupt
  --no-indirect        don't negotiate indirect descriptors
  --no-event-idx       don't negotiate EVENT_IDX
  --packed             packed rings instead of split ones
  --no-flush           blk: don't negotiate FLUSH, so that writes are write-through
Machine
  --cpu LIST           pin all threads to these CPUs, e.g. 1 or 1,3
  --server-pid PID     report the CPU time this process takes

BYTES take the suffixes K, M and G. Exit code 0: done; 1: could not run, or the
back end went away; 2: requests failed or data was wrong.
)";

Error invalid(std::string_view text) {
  return Error{EINVAL, "'" + std::string(text) + "' is not a value this option takes"};
}

template <typename T>
Status parseNumber(std::string_view text, T minimum, T maximum, T& value) {
  T parsed{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  // Written so that "nan" is outside.
  const bool inside = parsed >= minimum && parsed <= maximum;
  if (!whole || !inside) return invalid(text);
  value = parsed;
  return {};
}

template <typename T>
Status parseSize(std::string_view text, T maximum, T& value) {
  static const std::map<char, unsigned> kShifts = {{'K', 10}, {'M', 20}, {'G', 30}};
  std::string_view digits = text;
  unsigned shift = 0;
  if (const auto found = text.empty() ? kShifts.end() : kShifts.find(text.back());
      found != kShifts.end()) {
    shift = found->second;
    digits.remove_suffix(1);
  }
  uint64_t number = 0;
  if (!parseNumber<uint64_t>(digits, 1, uint64_t{maximum} >> shift, number)) return invalid(text);
  value = static_cast<T>(number << shift);
  return {};
}

Status parseCpus(std::string_view text, std::vector<int>& cpus) {
  std::string_view rest = text;
  while (true) {
    const size_t comma = rest.find(',');
    int cpu = 0;
    if (!parseNumber(rest.substr(0, comma), 0, 1023, cpu)) return invalid(text);
    cpus.push_back(cpu);
    if (comma == std::string_view::npos) return {};
    rest.remove_prefix(comma + 1);
  }
}

Status parseCompletion(std::string_view text, Completion& completion) {
  if (text != "interrupt" && text != "poll") return invalid(text);
  completion = text == "poll" ? Completion::kPoll : Completion::kInterrupt;
  return {};
}

Status parseDevice(std::string_view text, DeviceKind& device) {
  if (text != "blk" && text != "scsi") return invalid(text);
  device = text == "scsi" ? DeviceKind::kScsi : DeviceKind::kBlk;
  return {};
}

constexpr uint64_t kAny = ~0ULL;

/// One option of the command line; `apply` gets an empty text where there is no value.
struct Row {
  std::string_view name;
  bool takesValue;
  Status (*apply)(std::string_view text, Options& options);
};

// clang-format off
constexpr Row kRows[] = {
    {"socket", true, [](auto text, auto& o) { o.socketPath = text; return Status(); }},
    {"device", true, [](auto text, auto& o) { return parseDevice(text, o.device); }},
    {"read", true, [](auto text, auto& o) { return parseNumber(text, 0U, 100U, o.readPercent); }},
    {"sequential", false, [](auto, auto& o) { o.sequential = true; return Status(); }},
    {"block-size", true, [](auto text, auto& o) { return parseSize(text, uint32_t{16} << 20, o.blockSize); }},
    {"segments", true, [](auto text, auto& o) { return parseNumber(text, 1U, 254U, o.segments); }},
    {"depth", true, [](auto text, auto& o) { return parseNumber(text, uint16_t{1}, uint16_t{1024}, o.depth); }},
    {"queues", true, [](auto text, auto& o) { return parseNumber(text, uint16_t{1}, uint16_t{256}, o.queues); }},
    {"rate", true, [](auto text, auto& o) { return parseNumber(text, 0.1, 1e9, o.rate); }},
    {"idle", false, [](auto, auto& o) { o.idle = true; return Status(); }},
    {"range", true, [](auto text, auto& o) { return parseSize(text, kAny, o.range); }},
    {"seed", true, [](auto text, auto& o) { return parseNumber(text, uint64_t{0}, kAny, o.seed); }},
    {"verify", false, [](auto, auto& o) { o.verify = true; return Status(); }},
    {"warmup", true, [](auto text, auto& o) { return parseNumber(text, 0.0, 3600.0, o.warmupSeconds); }},
    {"seconds", true, [](auto text, auto& o) { return parseNumber(text, 0.01, 86400.0, o.seconds); }},
    {"drain", true, [](auto text, auto& o) { return parseNumber(text, 0.0, 3600.0, o.drainSeconds); }},
    {"completion", true, [](auto text, auto& o) { return parseCompletion(text, o.completion); }},
    {"no-indirect", false, [](auto, auto& o) { o.indirect = false; return Status(); }},
    {"no-event-idx", false, [](auto, auto& o) { o.eventIndex = false; return Status(); }},
    {"packed", false, [](auto, auto& o) { o.packed = true; return Status(); }},
    {"no-flush", false, [](auto, auto& o) { o.flush = false; return Status(); }},
    {"cpu", true, [](auto text, auto& o) { return parseCpus(text, o.cpus); }},
    {"server-pid", true, [](auto text, auto& o) { return parseNumber(text, 1, 1 << 22, o.serverPid); }},
    {"help", false, [](auto, auto&) { return Status(Error{0, kUsage}); }},
};
// clang-format on

const Row* findRow(std::string_view name) {
  const auto* found = std::find_if(std::begin(kRows), std::end(kRows),
                                   [&](const Row& row) { return row.name == name; });
  return found == std::end(kRows) ? nullptr : found;
}

Status checkTogether(const Options& options) {
  if (options.socketPath.empty()) return Error{EINVAL, "--socket is missing"};
  if (options.blockSize % 512 != 0) {
    return Error{EINVAL, "--block-size must be a multiple of 512"};
  }
  if (options.device == DeviceKind::kScsi && !options.flush) {
    return Error{EINVAL, "--no-flush is for --device blk: a SCSI disk is asked for each write"};
  }
  if (options.blockSize % options.segments != 0) {
    return Error{EINVAL, "--segments must divide --block-size"};
  }
  return {};
}

}  // namespace

Result<Options> parseOptions(std::span<char* const> arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const Row* row = argument.starts_with("--") ? findRow(argument.substr(2)) : nullptr;
    if (row == nullptr) return Error{EINVAL, "unknown argument " + std::string(argument)};
    if (row->takesValue && ++i == arguments.size()) {
      return Error{EINVAL, std::string(argument) + " takes a value"};
    }
    const Status applied = row->apply(row->takesValue ? arguments[i] : "", options);
    if (applied) continue;
    if (applied.error().code == 0) return applied.error();
    return Error{EINVAL, std::string(argument) + ": " + applied.error().message};
  }
  if (Status together = checkTogether(options); !together) return together.error();
  return options;
}

}  // namespace holdfast::loadgen
