#include "loadgen/options.h"

#include <getopt.h>

#include <cerrno>
#include <charconv>
#include <map>
#include <string_view>

namespace holdfast::loadgen {

namespace {

constexpr char kUsage[] = R"(Usage: holdfast-loadgen --socket PATH [options]

Drives a vhost-user-blk back end as a guest would and prints one JSON object.

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
  --verify             write known contents, check every read, and
                       read back all that was written at the end
Time
  --warmup SECONDS     not measured                               0.5
  --seconds SECONDS    measured                                   5
Driver
  --completion MODE    interrupt (sleeps, as a guest does) or
                       poll (spins on the used index)             interrupt
  --no-indirect        don't negotiate indirect descriptors
  --no-event-idx       don't negotiate EVENT_IDX
  --no-flush           don't negotiate FLUSH, so that writes are write-through
Machine
  --cpu LIST           pin all threads to these CPUs, e.g. 1 or 1,3
  --server-pid PID     report the CPU time this process takes

BYTES take the suffixes K, M and G. Exit code 0: done; 1: could not run, or the
back end went away; 2: requests failed or data was wrong.
)";

enum Name {
  kSocket = 256,
  kRead,
  kSequential,
  kBlockSize,
  kSegments,
  kDepth,
  kQueues,
  kRate,
  kIdle,
  kRange,
  kSeed,
  kVerify,
  kWarmup,
  kSeconds,
  kCompletion,
  kNoIndirect,
  kNoEventIndex,
  kNoFlush,
  kCpu,
  kServerPid,
  kHelp,
};

constexpr option kOptions[] = {
    {"socket", required_argument, nullptr, kSocket},
    {"read", required_argument, nullptr, kRead},
    {"sequential", no_argument, nullptr, kSequential},
    {"block-size", required_argument, nullptr, kBlockSize},
    {"segments", required_argument, nullptr, kSegments},
    {"depth", required_argument, nullptr, kDepth},
    {"queues", required_argument, nullptr, kQueues},
    {"rate", required_argument, nullptr, kRate},
    {"idle", no_argument, nullptr, kIdle},
    {"range", required_argument, nullptr, kRange},
    {"seed", required_argument, nullptr, kSeed},
    {"verify", no_argument, nullptr, kVerify},
    {"warmup", required_argument, nullptr, kWarmup},
    {"seconds", required_argument, nullptr, kSeconds},
    {"completion", required_argument, nullptr, kCompletion},
    {"no-indirect", no_argument, nullptr, kNoIndirect},
    {"no-event-idx", no_argument, nullptr, kNoEventIndex},
    {"no-flush", no_argument, nullptr, kNoFlush},
    {"cpu", required_argument, nullptr, kCpu},
    {"server-pid", required_argument, nullptr, kServerPid},
    {"help", no_argument, nullptr, kHelp},
    {nullptr, 0, nullptr, 0},
};

Error invalid(std::string_view text) {
  return Error{EINVAL, "'" + std::string(text) + "' is not a value this option takes"};
}

template <typename T>
Status parseNumber(std::string_view text, T minimum, T maximum, T& value) {
  T parsed{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || parsed < minimum || parsed > maximum) return invalid(text);
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

Status apply(int name, std::string_view text, Options& options) {
  constexpr uint64_t kAny = ~0ULL;
  switch (name) {
    case kSocket:
      options.socketPath = text;
      return {};
    case kRead:
      return parseNumber(text, 0U, 100U, options.readPercent);
    case kSequential:
      options.sequential = true;
      return {};
    case kBlockSize:
      return parseSize(text, uint32_t{16} << 20, options.blockSize);
    case kSegments:
      return parseNumber(text, 1U, 254U, options.segments);
    case kDepth:
      return parseNumber(text, uint16_t{1}, uint16_t{1024}, options.depth);
    case kQueues:
      return parseNumber(text, uint16_t{1}, uint16_t{256}, options.queues);
    case kRate:
      return parseNumber(text, 0.1, 1e9, options.rate);
    case kIdle:
      options.idle = true;
      return {};
    case kRange:
      return parseSize(text, kAny, options.range);
    case kSeed:
      return parseNumber(text, uint64_t{0}, kAny, options.seed);
    case kVerify:
      options.verify = true;
      return {};
    case kWarmup:
      return parseNumber(text, 0.0, 3600.0, options.warmupSeconds);
    case kSeconds:
      return parseNumber(text, 0.01, 86400.0, options.seconds);
    case kCompletion:
      return parseCompletion(text, options.completion);
    case kNoIndirect:
      options.indirect = false;
      return {};
    case kNoEventIndex:
      options.eventIndex = false;
      return {};
    case kNoFlush:
      options.flush = false;
      return {};
    case kCpu:
      return parseCpus(text, options.cpus);
    case kServerPid:
      return parseNumber(text, 1, 1 << 22, options.serverPid);
    default:
      return Error{0, kUsage};
  }
}

Status checkTogether(const Options& options) {
  if (options.socketPath.empty()) return Error{EINVAL, "--socket is missing"};
  if (options.blockSize % 512 != 0) {
    return Error{EINVAL, "--block-size must be a multiple of 512"};
  }
  if (options.blockSize % options.segments != 0) {
    return Error{EINVAL, "--segments must divide --block-size"};
  }
  return {};
}

}  // namespace

Result<Options> parseOptions(int argc, char** argv) {
  Options options;
  opterr = 0;
  optind = 1;
  int index = 0;
  for (int name = 0; (name = getopt_long(argc, argv, "", kOptions, &index)) != -1;) {
    if (name == '?') return Error{EINVAL, std::string(argv[optind - 1]) + ": see --help"};
    const Status applied = apply(name, optarg == nullptr ? "" : optarg, options);
    if (applied) continue;
    if (applied.error().code == 0) return applied.error();
    return Error{EINVAL, std::string("--") + kOptions[index].name + ": " + applied.error().message};
  }
  if (optind < argc) return Error{EINVAL, std::string(argv[optind]) + ": see --help"};
  if (Status together = checkTogether(options); !together) return together.error();
  return options;
}

}  // namespace holdfast::loadgen
