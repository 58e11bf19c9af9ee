#include "core/io/blocking_lane.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace holdfast {
namespace {

/// Prepends to a last-in-first-out chain shared with one other thread.
void prepend(std::atomic<IoRequest*>& chain, IoRequest& request) {
  request.next = chain.load(std::memory_order_relaxed);
  while (!chain.compare_exchange_weak(request.next, &request, std::memory_order_release,
                                      std::memory_order_relaxed)) {
  }
}

IoRequest* reversed(IoRequest* chain) {
  IoRequest* result = nullptr;
  while (chain) {
    IoRequest* next = chain->next;
    chain->next = result;
    result = chain;
    chain = next;
  }
  return result;
}

template <typename Call>
int retryInterrupted(Call call) {
  for (;;) {
    if (call() == 0) return 0;
    if (errno != EINTR) return -errno;
  }
}

int discard(const DiskGeometry& disk, const IoRange& range) {
  int error;
  if (disk.blockDevice) {
    uint64_t argument[2] = {range.offset, range.length};
    error = retryInterrupted([&] { return ::ioctl(disk.fd, BLKDISCARD, argument); });
  } else {
    error = retryInterrupted([&] {
      return ::fallocate(disk.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                         static_cast<off_t>(range.offset), static_cast<off_t>(range.length));
    });
  }
  // A discard is a hint (virtio 1.4, 5.2.6.2): a device that has none has done its duty.
  return error == -EOPNOTSUPP ? 0 : error;
}

int writeZeroBlocks(int fd, const IoRange& range) {
  constexpr size_t kChunk = 64 << 10;
  alignas(4096) static std::byte zeroes[kChunk];
  uint64_t done = 0;
  while (done < range.length) {
    const size_t size = std::min<uint64_t>(kChunk, range.length - done);
    const ssize_t moved = ::pwrite(fd, zeroes, size, static_cast<off_t>(range.offset + done));
    if (moved < 0 && errno != EINTR) return -errno;
    if (moved > 0) done += static_cast<uint64_t>(moved);
  }
  return 0;
}

int writeZeroes(const DiskGeometry& disk, const IoRange& range, bool mayUnmap) {
  const auto offset = static_cast<off_t>(range.offset);
  const auto length = static_cast<off_t>(range.length);
  const int modes[] = {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
  for (const int mode : modes) {
    const bool deallocates = mode & FALLOC_FL_PUNCH_HOLE;
    if (deallocates && !mayUnmap) continue;
    const int error = retryInterrupted([&] { return ::fallocate(disk.fd, mode, offset, length); });
    if (error != -EOPNOTSUPP) return error;
  }
  if (!disk.blockDevice) return writeZeroBlocks(disk.fd, range);
  uint64_t argument[2] = {range.offset, range.length};
  return retryInterrupted([&] { return ::ioctl(disk.fd, BLKZEROOUT, argument); });
}

int execute(IoRequest& request) {
  if (request.kind == IoKind::kBlockingCall) return request.blockingCall(request);
  const DiskGeometry& disk = request.target->geometry;
  for (uint32_t i = 0; i < request.rangeCount; ++i) {
    const IoRange& range = request.ranges[i];
    const int error = request.kind == IoKind::kDiscard ? discard(disk, range)
                                                       : writeZeroes(disk, range, request.mayUnmap);
    if (error != 0) return error;
  }
  if (request.throughCache) return retryInterrupted([&] { return ::fdatasync(disk.fd); });
  return 0;
}

}  // namespace

BlockingLane::~BlockingLane() {
  quit_.store(true);
  wake_.fetch_add(1);
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void BlockingLane::submit(IoRequest& request) {
  if (!thread_.joinable()) startThread();
  if (!thread_.joinable()) {
    request.result = -EAGAIN;
    prepend(completed_, request);
    event_.signal();
    return;
  }
  prepend(submitted_, request);
  wake_.fetch_add(1);
  wake_.notify_one();
}

void BlockingLane::startThread() {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    // Out of threads: the guest's request fails, and the next one tries again.
  }
}

void BlockingLane::run() {
  ::pthread_setname_np(::pthread_self(), "hf-lane");
  while (!quit_.load()) {
    const uint32_t seen = wake_.load();
    IoRequest* request = reversed(submitted_.exchange(nullptr, std::memory_order_acquire));
    if (!request && !quit_.load()) wake_.wait(seen);
    while (request) {
      IoRequest* next = request->next;
      request->result = execute(*request);
      prepend(completed_, *request);
      event_.signal();
      request = next;
    }
  }
}

}  // namespace holdfast
