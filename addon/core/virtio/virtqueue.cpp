#include "core/virtio/virtqueue.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace holdfast::virtio {
namespace {

void signalFd(int fd) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof one);
}

/// A pipe or a socket, which eventfds are not.
bool fillsUp(int fd) {
  struct stat file;
  return ::fstat(fd, &file) == 0 && (S_ISFIFO(file.st_mode) || S_ISSOCK(file.st_mode));
}

}  // namespace

Status Virtqueue::attach(MapEpoch& epoch, const RingParameters& parameters) {
  epoch_ = &epoch;
  Status attached = ring_.attach(*epoch.map, parameters);
  if (attached) suppressKick();
  return attached;
}

Status Virtqueue::switchTo(MapEpoch& epoch) {
  epoch_ = &epoch;
  Status mapped = ring_.remap(*epoch.map);
  if (!mapped) markBroken();
  return mapped;
}

void Virtqueue::setDirtyLogs(DirtyLogs logs) {
  logs_ = std::move(logs);
  // It may have been written to before it was to be logged.
  markRing();
}

void Virtqueue::markWritten(const MapEpoch& epoch, const iovec* iov, uint32_t count,
                            uint64_t size) {
  for (uint32_t i = 0; i < count && size > 0; ++i) {
    const uint64_t written = std::min<uint64_t>(iov[i].iov_len, size);
    size -= written;
    if (const auto at = epoch.map->guestAddrOf(static_cast<const std::byte*>(iov[i].iov_base)))
      logs_.buffers->mark(*at, written);
  }
}

void Virtqueue::setKick(UniqueFd kick) {
  kick_ = std::move(kick);
  kickFillsUp_ = kick_ && fillsUp(kick_.get());
}

void Virtqueue::drainKick() {
  if (!kickFillsUp_) return;
  std::byte bytes[512];
  while (::read(kick_.get(), bytes, sizeof bytes) == sizeof bytes) {
  }
}

void Virtqueue::markBroken() {
  broken_ = true;
  if (err_) signalFd(err_.get());
}

bool Virtqueue::pop(DescriptorChain& chain) {
  const Pop popped = ring_.pop(*epoch_->map, chain);
  if (popped == Pop::kBroken) markBroken();
  return popped == Pop::kChain;
}

void Virtqueue::publish(bool moreToStart) {
  if (broken_ || ring_.unsignalled() == 0) return;
  ring_.publish();
  markRing();
  const bool backlog = moreToStart && ring_.hasBacklog(kBacklog);
  if (backlog && ring_.unsignalled() < kSignalBatch) return;
  if (ring_.wantsInterrupt()) interrupt();
}

void Virtqueue::interrupt() {
  if (!call_) return;
  counters_.calls.add();
  signalFd(call_.get());
}

}  // namespace holdfast::virtio
