#include "core/io/io_channel.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <thread>
#include <vector>

#include "core/base/event_fd.h"
#include "reserved_device.h"
#include "support/temporary_image.h"

using namespace holdfast;

namespace {

constexpr size_t kSize = 8 << 20;
constexpr EngineKind kEngines[] = {EngineKind::kIoUring, EngineKind::kLibaio, EngineKind::kSync};

struct Owner final : IoOwner {
  void complete(IoRequest&) override {}
};

/// A channel on a fresh image, and page-aligned memory to read and write from.
struct Bench {
  explicit Bench(EngineKind engine, size_t imageSize = kSize)
      : image(imageSize), fd(image.open()), memory(kSize + 8192) {
    auto opened = IoChannel::open(engine);
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error().message));
    channel = std::move(*opened);
    target.geometry = {.fd = fd.get(), .memoryAlignment = 512, .offsetAlignment = 512};
    REQUIRE(channel->add(target).ok());
    const auto address = reinterpret_cast<uintptr_t>(memory.data());
    aligned = memory.data() + (4096 - address % 4096);
  }

  int run(IoRequest& request) {
    request.owner = &owner;
    request.target = &target;
    channel->start(request);
    return finish(request);
  }

  int finish(const IoRequest& request) {
    channel->submit();
    IoRequest* completed[IoChannel::kReapBatch];
    while (channel->reap(completed) == 0) channel->sleep();
    CHECK(completed[0] == &request);
    CHECK(channel->inFlight() == 0);
    return request.result;
  }

  int transfer(IoKind kind, uint64_t offset, std::vector<iovec> iov, bool through = false) {
    IoRequest request;
    request.kind = kind;
    request.throughCache = through;
    request.offset = offset;
    for (const iovec& piece : iov) request.length += piece.iov_len;
    request.iov = iov.data();
    request.iovCount = static_cast<uint32_t>(iov.size());
    return run(request);
  }

  test::TemporaryImage image;
  UniqueFd fd;
  IoTarget target{.geometry = {}, .slot = 3};
  std::vector<std::byte> memory;
  std::byte* aligned;
  Owner owner;
  std::unique_ptr<IoChannel> channel;
};

void fillPattern(std::byte* data, size_t size, unsigned seed) {
  for (size_t i = 0; i < size; ++i)
    data[i] = static_cast<std::byte>((i * 31 + i / 509 + seed) & 255);
}

/// IOCB_FLAG_RESFD of linux/aio_abi.h, which libaio sets without a name.
constexpr unsigned kResultEventFd = 1;

/// Wakes a channel that has slept for longer than anything takes.
class Watchdog {
 public:
  explicit Watchdog(IoChannel& channel) : channel_(channel) {
    REQUIRE(channel_.watch(event_.get()).ok());
    thread_ = std::thread([this] {
      if (done_.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready)
        return;
      barked_.store(true);
      event_.signal();
    });
  }
  ~Watchdog() {
    done_.set_value();
    thread_.join();
    channel_.unwatch(event_.get());
  }
  bool hasBarked() const { return barked_.load(); }

 private:
  IoChannel& channel_;
  EventFd event_;
  std::promise<void> done_;
  std::atomic<bool> barked_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("io channel: what is written is read back, in several pieces, on every engine") {
  for (const EngineKind engine : kEngines) {
    CAPTURE(static_cast<int>(engine));
    Bench bench(engine);
    fillPattern(bench.aligned, 12288, 7);
    CHECK(bench.transfer(IoKind::kWrite, 4096,
                         {{bench.aligned, 4096}, {bench.aligned + 4096, 8192}}, true) == 0);
    std::byte* back = bench.aligned + 65536;
    CHECK(bench.transfer(IoKind::kRead, 4096, {{back, 512}, {back + 512, 11776}}) == 0);
    CHECK(std::memcmp(back, bench.aligned, 12288) == 0);
    CHECK(bench.channel->bounced() == 0);
    IoRequest sync;
    sync.kind = IoKind::kSync;
    CHECK(bench.run(sync) == 0);
  }
}

TEST_CASE("io channel: buffers that direct I/O can't take are bounced, whatever their size") {
  for (const EngineKind engine : kEngines) {
    CAPTURE(static_cast<int>(engine));
    Bench bench(engine);
    const size_t size = 3 * IoChannel::kBounceSize / 2;
    std::byte* odd = bench.aligned + 3;
    fillPattern(odd, size, 11);
    CHECK(bench.transfer(IoKind::kWrite, 512, {{odd, 1001}, {odd + 1001, size - 1001}}) == 0);
    std::byte* back = bench.aligned + 4 * IoChannel::kBounceSize;
    CHECK(bench.transfer(IoKind::kRead, 512, {{back, size}}) == 0);
    CHECK(std::memcmp(back, odd, size) == 0);
    std::byte* oddBack = back + 2 * IoChannel::kBounceSize + 1;
    CHECK(bench.transfer(IoKind::kRead, 512, {{oddBack, size - 7}, {oddBack + size - 7, 7}}) == 0);
    CHECK(std::memcmp(oddBack, odd, size) == 0);
    CHECK(bench.channel->bounced() == 2);
  }
}

TEST_CASE("io channel: several bounced requests take turns") {
  Bench bench(EngineKind::kIoUring);
  IoRequest requests[3];
  iovec iov[3];
  for (unsigned i = 0; i < 3; ++i) {
    iov[i] = {bench.aligned + 1 + i * 2048, 1024};
    fillPattern(bench.aligned + 1 + i * 2048, 1024, i);
    requests[i].owner = &bench.owner;
    requests[i].target = &bench.target;
    requests[i].kind = IoKind::kWrite;
    requests[i].iov = &iov[i];
    requests[i].iovCount = 1;
    requests[i].offset = i * 1024;
    requests[i].length = 1024;
    bench.channel->start(requests[i]);
  }
  bench.channel->submit();
  unsigned done = 0;
  while (done < 3) {
    IoRequest* completed[IoChannel::kReapBatch];
    const unsigned count = bench.channel->reap(completed);
    done += count;
    bench.channel->submit();
    if (count == 0) bench.channel->sleep();
  }
  for (unsigned i = 0; i < 3; ++i) {
    std::byte* back = bench.aligned + 16384;
    CHECK(bench.transfer(IoKind::kRead, i * 1024, {{back, 1024}}) == 0);
    CHECK(std::memcmp(back, bench.aligned + 1 + i * 2048, 1024) == 0);
  }
}

TEST_CASE("io channel: a transfer that met a conflict half-way goes on where it stood") {
  constexpr size_t kMoved = 3 << 20;  // three pieces of the bounce buffer
  for (const EngineKind engine : kEngines) {
    CAPTURE(static_cast<int>(engine));
    test::ReservedDevice device;
    Bench bench(engine);
    std::byte* data = bench.aligned + 1;
    fillPattern(data, kMoved, 7);
    for (const IoKind kind : {IoKind::kWrite, IoKind::kRead}) {
      iovec iov[] = {{data, 1000}, {data + 1000, kMoved - 1000}};
      IoRequest request;
      request.kind = kind;
      request.length = kMoved;
      request.iov = iov;
      request.iovCount = 2;
      device.reserve(1);
      CHECK(bench.run(request) == -EBADE);
      CHECK(request.done == IoChannel::kBounceSize);
      device.release();
      bench.channel->startAgain(request);
      CHECK(bench.finish(request) == 0);
      if (kind == IoKind::kWrite) std::memset(data, 0, kMoved);
    }
    std::vector<std::byte> expected(kMoved);
    fillPattern(expected.data(), kMoved, 7);
    CHECK(std::memcmp(data, expected.data(), kMoved) == 0);
  }
}

TEST_CASE("io channel: a read beyond the end of a file that shrank fails instead of hanging") {
  for (const EngineKind engine : kEngines) {
    Bench bench(engine, 8192);
    CHECK(bench.transfer(IoKind::kRead, 4096, {{bench.aligned, 8192}}) == -EIO);
    CHECK(bench.transfer(IoKind::kRead, 4096, {{bench.aligned + 1, 8192}}) == -EIO);
  }
}

TEST_CASE("io channel: an error of the device comes back as it is") {
  for (const EngineKind engine : kEngines) {
    Bench bench(engine);
    // Offset 100 is no multiple of any block size.
    CHECK(bench.transfer(IoKind::kWrite, 100, {{bench.aligned, 512}}) == -EINVAL);
  }
}

TEST_CASE("io channel: discard frees blocks, write zeroes clears with and without unmapping") {
  Bench bench(EngineKind::kIoUring);
  fillPattern(bench.aligned, 1 << 20, 3);
  REQUIRE(bench.transfer(IoKind::kWrite, 0, {{bench.aligned, 1 << 20}}, true) == 0);
  struct stat before, after;
  REQUIRE(::fstat(bench.fd.get(), &before) == 0);

  IoRange range{65536, 65536};
  IoRequest request;
  request.ranges = &range;
  request.rangeCount = 1;
  request.kind = IoKind::kDiscard;
  CHECK(bench.run(request) == 0);
  REQUIRE(::fstat(bench.fd.get(), &after) == 0);
  CHECK(after.st_blocks < before.st_blocks);

  for (const bool mayUnmap : {false, true}) {
    range = {mayUnmap ? 262144u : 131072u, 8192};
    request.kind = IoKind::kWriteZeroes;
    request.mayUnmap = mayUnmap;
    request.throughCache = true;
    CHECK(bench.run(request) == 0);
    std::byte* back = bench.aligned + (2 << 20);
    std::memset(back, 0xee, 12288);
    CHECK(bench.transfer(IoKind::kRead, range.offset, {{back, 12288}}) == 0);
    for (size_t i = 0; i < 8192; ++i) REQUIRE(back[i] == std::byte{0});
    CHECK(std::memcmp(back + 8192, bench.aligned + range.offset + 8192, 4096) == 0);
  }
}

TEST_CASE("io channel: sleep ends when a watched event fd is signalled, also twice in a row") {
  for (const EngineKind engine : kEngines) {
    Bench bench(engine);
    EventFd event;
    REQUIRE(bench.channel->watch(event.get()).ok());
    for (int i = 0; i < 3; ++i) {
      event.signal();  // its counter is never read: each signal must wake again
      bench.channel->sleep();
      IoRequest* none[IoChannel::kReapBatch];
      CHECK(bench.channel->reap(none) == 0);
    }
    bench.channel->unwatch(event.get());
  }
}

TEST_CASE("io channel: libaio signals nothing that ends inside io_submit, and loses none for it") {
  Bench bench(EngineKind::kLibaio);
  // Reads through the page cache end inside io_submit, as a RAM disk's do; direct ones go to the
  // disk, where something was written.
  CHECK(bench.transfer(IoKind::kWrite, 0, {{bench.aligned, 4096}}) == 0);
  const UniqueFd cachedFd = bench.image.open(O_RDONLY);
  const IoTarget cached{.geometry = {.fd = cachedFd.get()}, .slot = 4};
  REQUIRE(bench.channel->add(cached).ok());
  Watchdog watchdog(*bench.channel);

  const auto isSignalled = [&](const IoTarget& target, IoKind kind = IoKind::kRead) {
    iovec iov{bench.aligned, 4096};
    IoRequest request;
    request.owner = &bench.owner;
    request.target = &target;
    request.kind = kind;
    request.iov = &iov;
    request.iovCount = 1;
    request.length = kind == IoKind::kRead ? iov.iov_len : 0;
    bench.channel->start(request);
    bench.channel->submit();
    IoRequest* completed[IoChannel::kReapBatch];
    while (bench.channel->reap(completed) == 0) {
      REQUIRE_FALSE(watchdog.hasBarked());
      bench.channel->sleep();
    }
    CHECK(request.result == 0);
    return (request.controlBlock.u.c.flags & kResultEventFd) != 0;
  };

  unsigned signalled = 0;
  while (isSignalled(cached)) REQUIRE(++signalled < 1000);
  CHECK(signalled > 1);
  CHECK(isSignalled(cached, IoKind::kSync));
  CHECK_FALSE(isSignalled(cached));
  // From here on the device takes its time, first of all with a request that is silent.
  CHECK_FALSE(isSignalled(bench.target));
  // One that came back before anybody looked teaches nothing.
  for (unsigned i = 0; !isSignalled(bench.target); ++i) REQUIRE(i < 1000);
  CHECK(isSignalled(cached));
}
