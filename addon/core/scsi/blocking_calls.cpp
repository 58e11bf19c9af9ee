#include "core/scsi/blocking_calls.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>

#include "core/io/iovec.h"
#include "core/scsi/scsi_request.h"

namespace holdfast::scsi {
namespace {

/// Any device's direct I/O takes buffers of this alignment.
constexpr size_t kAlignment = 4096;
/// Most of one write of WRITE SAME, bytes.
constexpr size_t kPatternSize = 1 << 20;
/// What VERIFY compares at once, bytes.
constexpr size_t kVerifySize = 256 << 10;

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using AlignedBuffer = std::unique_ptr<std::byte, Free>;

/// Null: no memory.
AlignedBuffer allocate(size_t size) {
  return AlignedBuffer(static_cast<std::byte*>(
      std::aligned_alloc(kAlignment, (size + kAlignment - 1) / kAlignment * kAlignment)));
}

/// Runs `call(buffer, size, offset)`, pread or pwrite, until everything has moved.
template <typename Call>
int moveAll(Call call, std::byte* buffer, size_t size, uint64_t offset) {
  for (size_t done = 0; done < size;) {
    const ssize_t moved = call(buffer + done, size - done, static_cast<off_t>(offset + done));
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return -errno;
    if (moved == 0) return -EIO;  // the image is shorter than it was
    done += static_cast<size_t>(moved);
  }
  return 0;
}

int readAll(int fd, std::byte* buffer, size_t size, uint64_t offset) {
  return moveAll([fd](void* to, size_t n, off_t at) { return ::pread(fd, to, n, at); }, buffer,
                 size, offset);
}

int writeAll(int fd, std::byte* buffer, size_t size, uint64_t offset) {
  return moveAll([fd](void* from, size_t n, off_t at) { return ::pwrite(fd, from, n, at); }, buffer,
                 size, offset);
}

int compare(int fd, const std::byte* expected, size_t size, uint64_t offset) {
  const AlignedBuffer medium = allocate(size);
  if (!medium) return -ENOMEM;
  if (const int error = readAll(fd, medium.get(), size, offset); error != 0) return error;
  return std::memcmp(medium.get(), expected, size) == 0 ? 0 : kMiscompare;
}

/// Runs `call(data, size, offset)` for one piece of the request's buffers after the other, each
/// copied out of guest memory once, until one returns something else than 0. The buffers stay as
/// they are: the request may be run again.
template <typename Call>
int inPieces(const IoRequest& request, Call call) {
  const size_t pieceSize = std::min<uint64_t>(kVerifySize, request.length);
  const AlignedBuffer sent = allocate(pieceSize);
  if (!sent) return -ENOMEM;
  for (uint64_t done = 0; done < request.length; done += pieceSize) {
    const size_t size = std::min<uint64_t>(pieceSize, request.length - done);
    gatherAt(request.iov, request.iovCount, done, sent.get(), size);
    if (const int error = call(sent.get(), size, request.offset + done); error != 0) return error;
  }
  return 0;
}

}  // namespace

int writeSame(IoRequest& request) {
  const auto& command = static_cast<const ScsiRequest&>(request);
  const std::vector<std::byte>& block = command.scratch->blocks;
  const size_t size = std::min<uint64_t>(kPatternSize, request.length);
  const AlignedBuffer pattern = allocate(size);
  if (!pattern) return -ENOMEM;
  for (size_t at = 0; at < size; at += block.size())
    std::memcpy(pattern.get() + at, block.data(), block.size());
  for (uint64_t done = 0; done < request.length; done += size) {
    const size_t piece = std::min<uint64_t>(size, request.length - done);
    const int error =
        writeAll(request.target->geometry.fd, pattern.get(), piece, request.offset + done);
    if (error != 0) return error;
  }
  return 0;
}

int verify(IoRequest& request) {
  return inPieces(request, [&request](std::byte* sent, size_t size, uint64_t offset) {
    return compare(request.target->geometry.fd, sent, size, offset);
  });
}

int writeAndVerify(IoRequest& request) {
  const int fd = request.target->geometry.fd;
  const bool compares = static_cast<const ScsiRequest&>(request).command.compare;
  const int error = inPieces(request, [fd, compares](std::byte* sent, size_t size, uint64_t at) {
    if (const int failed = writeAll(fd, sent, size, at); failed != 0) return failed;
    return compares ? compare(fd, sent, size, at) : 0;
  });
  if (error != 0) return error;
  return ::fdatasync(fd) == 0 ? 0 : -errno;
}

int compareAndWrite(IoRequest& request) {
  auto& command = static_cast<ScsiRequest&>(request);
  const int fd = request.target->geometry.fd;
  const std::vector<std::byte>& blocks = command.scratch->blocks;
  const size_t size = blocks.size() / 2;
  const std::byte* expected = blocks.data();
  const AlignedBuffer buffer = allocate(size);
  if (!buffer) return -ENOMEM;

  const std::lock_guard lock(command.unit->unit->disk().exclusiveUpdate());
  if (const int error = readAll(fd, buffer.get(), size, request.offset); error != 0) return error;
  const auto [found, differs] = std::mismatch(buffer.get(), buffer.get() + size, expected);
  if (differs != expected + size) {
    command.scratch->mismatch = static_cast<uint64_t>(differs - expected);
    return kMiscompare;
  }
  std::memcpy(buffer.get(), expected + size, size);
  if (const int error = writeAll(fd, buffer.get(), size, request.offset); error != 0) return error;
  return command.command.forceUnitAccess && ::fdatasync(fd) != 0 ? -errno : 0;
}

}  // namespace holdfast::scsi
