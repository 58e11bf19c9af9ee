#include "core/disk/disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <fstream>

namespace holdfast {
namespace {

constexpr uint32_t kLargestBlock = 65536;

const char* engineName(EngineKind kind) {
  switch (kind) {
    case EngineKind::kIoUring:
      return "io_uring";
    case EngineKind::kLibaio:
      return "libaio";
    case EngineKind::kSync:
      break;
  }
  return "sync";
}

}  // namespace

Result<std::unique_ptr<Disk>> Disk::open(Options options) {
  std::unique_ptr<Disk> disk(new Disk(std::move(options)));
  if (Status probed = disk->probe(); !probed)
    return Error{probed.error().code, disk->path() + ": " + probed.error().message};
  return disk;
}

Status Disk::probe() {
  struct stat status;
  if (::fstat(options_.fd.get(), &status) != 0) return systemError("fstat", errno);
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
    return Error{EINVAL, "neither a regular file nor a block device"};
  geometry_.fd = options_.fd.get();
  geometry_.blockDevice = S_ISBLK(status.st_mode);
  const int flags = ::fcntl(geometry_.fd, F_GETFL);
  if (!options_.readOnly && (flags & O_ACCMODE) == O_RDONLY)
    return Error{EINVAL, "opened for reading only"};
  directIo_ = flags & O_DIRECT;
  probeAlignment();
  probeTopology();

  auto size = readSize();
  if (!size) return size.error();
  if (Status chosen = chooseBlockSize(); !chosen) return chosen;
  if (*size == 0 || *size % blockSize_ != 0)
    return Error{EINVAL, "its size, " + std::to_string(*size) +
                             " bytes, is not a multiple of the " + std::to_string(blockSize_) +
                             "-byte block; enlarge it to " +
                             std::to_string((*size / blockSize_ + 1) * blockSize_)};
  sizeBytes_.store(*size);
  return chooseEngine();
}

Result<uint64_t> Disk::readSize() const {
  if (geometry_.blockDevice) {
    uint64_t size;
    if (::ioctl(geometry_.fd, BLKGETSIZE64, &size) != 0) return systemError("BLKGETSIZE64", errno);
    return size;
  }
  struct stat status;
  if (::fstat(geometry_.fd, &status) != 0) return systemError("fstat", errno);
  return static_cast<uint64_t>(status.st_size);
}

void Disk::probeAlignment() {
  if (geometry_.blockDevice) {
    int logical = 0;
    if (::ioctl(geometry_.fd, BLKSSZGET, &logical) == 0 && logical > 0)
      deviceBlockSize_ = static_cast<uint32_t>(logical);
  }
  if (!directIo_) {
    geometry_.offsetAlignment = geometry_.blockDevice ? deviceBlockSize_ : 1;
    return;
  }
  // Linux before 6.1 doesn't tell; then 512 on both counts is what all of its drivers took, or the
  // logical block size.
  geometry_.memoryAlignment = geometry_.offsetAlignment = deviceBlockSize_;
  struct statx extended{};
  if (::statx(geometry_.fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &extended) == 0 &&
      extended.stx_mask & STATX_DIOALIGN && extended.stx_dio_offset_align > 0) {
    geometry_.memoryAlignment = std::max(1u, extended.stx_dio_mem_align);
    geometry_.offsetAlignment = extended.stx_dio_offset_align;
    deviceBlockSize_ = std::max(deviceBlockSize_, geometry_.offsetAlignment);
  }
}

void Disk::probeTopology() {
  physicalBlockSize_ = deviceBlockSize_;
  if (!geometry_.blockDevice) return;
  unsigned physical = 0;
  if (::ioctl(geometry_.fd, BLKPBSZGET, &physical) == 0)
    physicalBlockSize_ = std::max(physicalBlockSize_, physical);
  struct stat status;
  if (::fstat(geometry_.fd, &status) != 0) return;
  const std::string queue = "/sys/dev/block/" + std::to_string(major(status.st_rdev)) + ":" +
                            std::to_string(minor(status.st_rdev)) + "/queue/discard_max_bytes";
  uint64_t most = 0;
  if (std::ifstream(queue) >> most) discards_ = most > 0;
}

Status Disk::chooseBlockSize() {
  blockSize_ = options_.blockSize ? options_.blockSize : std::max(512u, deviceBlockSize_);
  if (blockSize_ < 512 || blockSize_ > kLargestBlock || !std::has_single_bit(blockSize_))
    return Error{EINVAL, "block size " + std::to_string(blockSize_) +
                             " is not a power of two from 512 to 65536"};
  if (blockSize_ < deviceBlockSize_)
    return Error{EINVAL, "block size " + std::to_string(blockSize_) +
                             " is smaller than the device's, " + std::to_string(deviceBlockSize_) +
                             ": writes would not be atomic"};
  physicalBlockSize_ = std::max(physicalBlockSize_, blockSize_);
  return {};
}

Status Disk::chooseEngine() {
  std::vector<EngineKind> candidates;
  std::string reason;
  if (!options_.anyEngine) {
    candidates = {options_.engine};
    reason = "asked for";
  } else if (!directIo_ || supportsNoWait()) {
    candidates = {EngineKind::kIoUring, EngineKind::kLibaio, EngineKind::kSync};
    reason = directIo_ ? "the device supports NOWAIT" : "buffered file";
  } else {
    // io_uring would hand every request to a kernel thread.
    candidates = {EngineKind::kLibaio, EngineKind::kIoUring, EngineKind::kSync};
    reason = "the device has no NOWAIT";
  }
  std::string refusals;
  for (const EngineKind kind : candidates) {
    auto engine = makeEngine(kind);
    if (engine) {
      engine_ = kind;
      engineReason_ = reason + refusals;
      return {};
    }
    refusals += std::string("; ") + engineName(kind) + " refused: " + engine.error().message;
  }
  return Error{ENOTSUP, "no I/O engine works here" + refusals};
}

bool Disk::supportsNoWait() const {
  const size_t size = std::max(4096u, deviceBlockSize_);
  void* buffer = std::aligned_alloc(size, size);
  if (!buffer) return false;
  const iovec iov{buffer, size};
  const ssize_t got = ::preadv2(geometry_.fd, &iov, 1, 0, RWF_NOWAIT);
  const bool supported = got >= 0 || errno == EAGAIN;
  std::free(buffer);
  return supported;
}

Result<uint64_t> Disk::refreshSize() {
  auto size = readSize();
  if (!size) return Error{size.error().code, path() + ": " + size.error().message};
  const uint64_t whole = *size - *size % blockSize_;
  if (sizeBytes_.exchange(whole) != whole) {
    const std::lock_guard lock(listenersMutex_);
    for (SizeListener* listener : listeners_) listener->sizeChanged();
  }
  return whole;
}

void Disk::addListener(SizeListener& listener) {
  const std::lock_guard lock(listenersMutex_);
  listeners_.push_back(&listener);
}

void Disk::removeListener(SizeListener& listener) {
  const std::lock_guard lock(listenersMutex_);
  std::erase(listeners_, &listener);
}

}  // namespace holdfast
