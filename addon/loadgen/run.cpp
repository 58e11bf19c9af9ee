#include "loadgen/run.h"

#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "loadgen/cpu_clock.h"
#include "loadgen/device.h"
#include "loadgen/queue_load.h"

namespace holdfast::loadgen {

namespace {

/// QEMU's default, and more only where the depth needs it.
constexpr uint32_t kRingSize = 128;
/// Of a SCSI device: control and event queue.
constexpr uint32_t kOtherQueues = 2;

Status pinTo(const std::vector<int>& cpus) {
  if (cpus.empty()) return {};
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) return systemError("--cpu", errno);
  return {};
}

Result<std::unique_ptr<Device>> connect(const Options& options) {
  const uint32_t chainLength = options.segments + 2;
  const uint32_t direct = std::bit_ceil(options.depth * chainLength);
  const uint32_t indirect = std::bit_ceil(uint32_t{options.depth});
  const uint32_t ringSize = std::max(kRingSize, options.indirect ? indirect : direct);

  frontend::DriverOptions driver;
  driver.numQueues = options.queues;
  driver.queueSize = static_cast<uint16_t>(ringSize);
  driver.packed = options.packed;
  if (!options.indirect) driver.features &= ~(1ULL << frontend::kFeatureIndirect);
  if (!options.eventIndex) driver.features &= ~(1ULL << frontend::kFeatureEventIndex);
  driver.scratchSize = 4096;
  // Rings take 26 bytes an entry, those that take no requests too; the slack covers their alignment
  // and the driver's own requests.
  const uint64_t rings = 32ULL * ringSize * (options.queues + kOtherQueues);
  const uint64_t requests = options.queues * (Slots::memoryNeeded(options) + 4096);
  driver.memorySize = std::bit_ceil(rings + requests + (1ULL << 16));

  Result<std::unique_ptr<Device>> device = Device::connect(options, driver);
  if (device && options.indirect && !(*device)->driver().hasFeature(frontend::kFeatureIndirect)) {
    return Error{ENOTSUP, "the back end has no indirect descriptors: say --no-indirect"};
  }
  if (device && options.packed && !(*device)->driver().hasFeature(frontend::kFeaturePacked)) {
    return Error{ENOTSUP, "the back end has no packed rings"};
  }
  return device;
}

/// The bytes of the device to use, cut to a whole number of blocks for each queue.
Result<uint64_t> partSizeOf(const Device& device, const Options& options) {
  if (options.blockSize % device.blockSize() != 0) {
    return Error{EINVAL, "--block-size must be a multiple of the device's blocks, " +
                             std::to_string(device.blockSize()) + " bytes"};
  }
  if (options.range > device.capacity()) return Error{EINVAL, "--range is larger than the device"};
  const uint64_t range = options.range > 0 ? options.range : device.capacity();
  const uint64_t blocks = range / options.queues / options.blockSize;
  // A verified block has one request in flight at most, so there must be a block for each.
  if (blocks < options.depth) return Error{EINVAL, "the device or --range is too small"};
  const bool writes = options.readPercent < 100 && !options.idle;
  if (writes && device.readOnly()) return Error{EROFS, "the device is read-only"};
  return blocks * options.blockSize;
}

Result<std::vector<std::unique_ptr<QueueLoad>>> makeLoads(Device& device, const Options& options) {
  const Result<uint64_t> partSize = partSizeOf(device, options);
  if (!partSize) return partSize.error();
  std::vector<std::unique_ptr<QueueLoad>> loads;
  if (options.idle) return loads;
  for (uint16_t queue = 0; queue < options.queues; ++queue) {
    Result<std::unique_ptr<QueueLoad>> load =
        QueueLoad::create(device, queue, options, queue * *partSize, *partSize);
    if (!load) return load.error();
    loads.push_back(std::move(*load));
  }
  return loads;
}

/// Sleeps until `deadline`. Error: ECONNRESET as soon as the back end closes the connection.
Status sleepUntil(uint64_t deadline, frontend::Driver& driver, const Window& window) {
  for (uint64_t now = nowNs(); now < deadline && !window.failed; now = nowNs()) {
    pollfd entry{driver.connection().socket().fd(), POLLRDHUP, 0};
    const uint64_t left = (deadline - now + 999'999) / 1'000'000;
    // Short sleeps, so that a thread's failure is seen.
    if (::poll(&entry, 1, static_cast<int>(std::min<uint64_t>(left, 100))) > 0) {
      return Error{ECONNRESET, "the back end closed the connection"};
    }
  }
  return {};
}

struct CpuSample {
  uint64_t client = 0;
  uint64_t server = 0;
};

CpuSample sampleCpu(const std::optional<CpuClock>& server) {
  return {CpuClock::ofThisProcess().read(), server ? server->read() : 0};
}

Result<Report> measure(Device& device, const Options& options) {
  std::optional<CpuClock> server;
  if (options.serverPid != 0) {
    const Result<CpuClock> clock = CpuClock::ofProcess(options.serverPid);
    if (!clock) return clock.error();
    server = *clock;
  }
  auto loads = makeLoads(device, options);
  if (!loads) return loads.error();

  Window window;
  window.startNs = nowNs() + static_cast<uint64_t>(options.warmupSeconds * 1e9);
  window.endNs = window.startNs + static_cast<uint64_t>(options.seconds * 1e9);
  std::vector<std::thread> threads;
  for (auto& load : *loads) threads.emplace_back([&load, &window] { load->run(window); });

  Status alive = sleepUntil(window.startNs, device.driver(), window);
  const CpuSample before = sampleCpu(server);
  if (alive) alive = sleepUntil(window.endNs, device.driver(), window);
  const CpuSample after = sampleCpu(server);
  for (std::thread& thread : threads) thread.join();

  Report report;
  report.seconds = options.seconds;
  for (const auto& load : *loads) report.tally.add(load->tally());
  report.clientCpuNs = after.client - before.client;
  if (server) report.serverCpuNs = after.server - before.server;
  if (report.tally.failure) return *report.tally.failure;
  if (!alive) return alive.error();
  return report;
}

}  // namespace

Result<Report> runLoad(const Options& options) {
  if (Status pinned = pinTo(options.cpus); !pinned) return pinned.error();
  Result<std::unique_ptr<Device>> device = connect(options);
  if (!device) return device.error();
  return measure(**device, options);
}

}  // namespace holdfast::loadgen
