#include "core/io/io_channel.h"

#include <algorithm>
#include <cerrno>

#include "core/io/iovec.h"

namespace holdfast {
namespace {

bool directIoTakes(const IoRequest& request) {
  uint64_t addresses = 0;
  uint64_t lengths = 0;
  for (uint32_t i = 0; i < request.iovCount; ++i) {
    addresses |= reinterpret_cast<uintptr_t>(request.iov[i].iov_base);
    lengths |= request.iov[i].iov_len;
  }
  const DiskGeometry& disk = request.target->geometry;
  return (addresses & (disk.memoryAlignment - 1)) == 0 &&
         (lengths & (disk.offsetAlignment - 1)) == 0;
}

/// Rare, so the copy costs nothing: a short transfer's rest gets a vector of its own.
void dropFront(IoRequest& request, size_t bytes) {
  request.rest = std::vector<iovec>(request.iov, request.iov + request.iovCount);
  request.iov = request.rest.data();
  advance(request.iov, request.iovCount, bytes);
}

}  // namespace

Result<std::unique_ptr<IoChannel>> IoChannel::open(EngineKind kind) {
  auto engine = makeEngine(kind);
  if (!engine) return engine.error();
  void* bounce =
      ::mmap(nullptr, kBounceSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bounce == MAP_FAILED) return systemError("cannot map the bounce buffer", errno);
  // A child forked during direct I/O would turn the buffer copy-on-write under the kernel.
  ::madvise(bounce, kBounceSize, MADV_DONTFORK);
  std::unique_ptr<IoChannel> channel(
      new IoChannel(std::move(*engine), static_cast<std::byte*>(bounce)));
  if (Status watched = channel->watch(channel->lane_.eventFd()); !watched) return watched.error();
  return channel;
}

IoChannel::IoChannel(std::unique_ptr<IoEngine> engine, std::byte* bounce)
    : engine_(std::move(engine)), bounce_(bounce) {}

IoChannel::~IoChannel() {
  ::munmap(bounce_, kBounceSize);
}

Status IoChannel::add(const IoTarget& target) {
  if (targetUsers_[target.slot] == 0) {
    if (Status added = engine_->add(target); !added) return added;
  }
  ++targetUsers_[target.slot];
  return {};
}

void IoChannel::remove(const IoTarget& target) {
  if (--targetUsers_[target.slot] == 0) engine_->remove(target);
}

void IoChannel::start(IoRequest& request) {
  const bool transfers = request.kind == IoKind::kRead || request.kind == IoKind::kWrite;
  request.done = 0;
  request.bounced = transfers && !directIoTakes(request);
  if (request.bounced) bounced_.add();
  begin(request);
}

void IoChannel::startAgain(IoRequest& request) {
  begin(request);
}

void IoChannel::begin(IoRequest& request) {
  ++inFlight_;
  request.result = 0;
  switch (request.kind) {
    case IoKind::kRead:
    case IoKind::kWrite:
      if (!request.bounced) break;
      bounceWaiting_.push(request);
      if (!bouncing_) startNextBounce();
      return;
    case IoKind::kSync:
      break;
    case IoKind::kDiscard:
    case IoKind::kWriteZeroes:
    case IoKind::kBlockingCall:
      lane_.submit(request);
      return;
  }
  engine_->prepare(request);
}

unsigned IoChannel::reap(std::span<IoRequest*, kReapBatch> completed) {
  IoRequest* ended[kReapBatch];
  const unsigned endedCount = engine_->reap(ended);
  unsigned count = 0;
  for (unsigned i = 0; i < endedCount; ++i) {
    const bool complete =
        ended[i]->bounced ? finishBouncePiece(*ended[i]) : finishTransfer(*ended[i]);
    if (complete) completed[count++] = ended[i];
  }
  // A next piece or the rest of a short transfer was prepared: the caller may be about to sleep.
  if (count < endedCount || bouncing_) engine_->submit();
  if (!laneCompleted_) laneCompleted_ = lane_.takeCompleted();
  while (laneCompleted_ && count < kReapBatch) {
    completed[count++] = laneCompleted_;
    laneCompleted_ = laneCompleted_->next;
  }
  inFlight_ -= count;
  return count;
}

void IoChannel::startNextBounce() {
  bouncing_ = bounceWaiting_.pop();
  if (bouncing_) prepareBouncePiece(*bouncing_);
}

void IoChannel::prepareBouncePiece(IoRequest& request) {
  const size_t piece = std::min<uint64_t>(kBounceSize, request.length - request.done);
  request.bounceIov = {bounce_, piece};
  if (request.kind == IoKind::kWrite)
    gatherAt(request.iov, request.iovCount, request.done, bounce_, piece);
  engine_->prepare(request);
}

/// True when the request is complete; otherwise the rest of it is on its way.
bool IoChannel::finishTransfer(IoRequest& request) {
  if (request.transferred < 0) return conclude(request, static_cast<int>(request.transferred));
  if (request.kind == IoKind::kSync) return conclude(request, 0);
  const auto moved = static_cast<uint64_t>(request.transferred);
  request.done += moved;
  if (request.done >= request.length) return conclude(request, 0);
  if (moved == 0) return conclude(request, -EIO);  // the image is shorter than it was
  dropFront(request, moved);
  engine_->prepare(request);
  return false;
}

bool IoChannel::finishBouncePiece(IoRequest& request) {
  int error = 0;
  if (request.transferred <= 0) {
    error = request.transferred < 0 ? static_cast<int>(request.transferred) : -EIO;
  } else {
    const auto moved = static_cast<size_t>(request.transferred);
    if (request.kind == IoKind::kRead)
      scatterAt(request.iov, request.iovCount, request.done, bounce_, moved);
    request.done += moved;
    if (request.done < request.length) {
      prepareBouncePiece(request);
      return false;
    }
  }
  startNextBounce();
  return conclude(request, error);
}

bool IoChannel::conclude(IoRequest& request, int result) {
  request.result = result;
  return true;
}

}  // namespace holdfast
