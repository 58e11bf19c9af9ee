#include "core/disk/fence_line.h"

#include <cerrno>

namespace holdfast {

using Entry = AccessFence::Entry;

FenceLine::FenceLine(FenceClient& client, IoChannel& channel)
    : client_(client), channel_(channel) {}

FenceLine::~FenceLine() {
  channel_.unwatch(wake_.get());
  channel_.unwatch(timer_.get());
}

Status FenceLine::open() {
  if (!wake_.valid() || !timer_.valid())
    return Error{EMFILE, "no file descriptor left for the queue"};
  if (Status watched = channel_.watch(wake_.get()); !watched) return watched;
  return channel_.watch(timer_.get());
}

Entry FenceLine::enter(FenceEntry& entry, AccessFence& fence, unsigned lane,
                       AccessFence::Access access) {
  entry.metConflict = false;
  entry.fence = &fence;
  entry.access = access;
  const Entry outcome =
      isBehindHeld(fence, nullptr) ? Entry::kHeld : fence.enter(entry.pass, lane, access);
  if (outcome != Entry::kHeld) return outcome;
  entry.pass.lane = static_cast<uint8_t>(lane % AccessFence::kLanes);
  append(entry);
  return outcome;
}

bool FenceLine::awaitVerdict(FenceEntry& entry) {
  if (!entry.fence->awaitVerdict(entry.pass)) return false;
  entry.metConflict = true;
  append(entry);
  return true;
}

void FenceLine::cancel(FenceEntry& entry) {
  (entry.previousWaiting ? entry.previousWaiting->nextWaiting : first_) = entry.nextWaiting;
  (entry.nextWaiting ? entry.nextWaiting->previousWaiting : last_) = entry.previousWaiting;
  entry.waiting = false;
}

unsigned FenceLine::collect(int64_t giveUpAt) {
  if (empty()) return 0;
  unsigned ended = 0;
  if (moved_.exchange(false)) ended = letPass();
  if (giveUpAt == kNever) return ended;
  if (giveUpAt != armedFor_) timer_.arm(giveUpAt);
  armedFor_ = giveUpAt;
  if (monotonicNow() >= giveUpAt) ended += giveUp();
  return ended;
}

unsigned FenceLine::giveUp() {
  unsigned count = 0;
  for (; first_; ++count) {
    FenceEntry& entry = *first_;
    cancel(entry);
    client_.givenUp(entry);
  }
  return count;
}

void FenceLine::fenceMoved() {
  moved_.store(true);
  wake_.signal();
}

unsigned FenceLine::letPass() {
  unsigned count = 0;
  for (FenceEntry* next = first_; next;) {
    FenceEntry& entry = *next;
    next = entry.nextWaiting;
    if (!channel_.hasRoom()) {
      moved_.store(true);  // a completion makes room, and brings the next turn
      break;
    }
    if (!entry.metConflict && isBehindHeld(*entry.fence, &entry)) continue;
    const Entry outcome = entry.metConflict
                              ? entry.fence->enterAgain(entry.pass, entry.access)
                              : entry.fence->enter(entry.pass, entry.pass.lane, entry.access);
    if (outcome == Entry::kHeld) continue;
    cancel(entry);
    ++count;
    outcome == Entry::kPassed ? client_.released(entry) : client_.refused(entry);
  }
  return count;
}

/// Whether one of those before `end` (null: of all) has been held at `fence`.
bool FenceLine::isBehindHeld(const AccessFence& fence, const FenceEntry* end) const {
  for (const FenceEntry* entry = first_; entry != end; entry = entry->nextWaiting)
    if (entry->fence == &fence && !entry->metConflict) return true;
  return false;
}

void FenceLine::append(FenceEntry& entry) {
  entry.waiting = true;
  entry.nextWaiting = nullptr;
  entry.previousWaiting = last_;
  (last_ ? last_->nextWaiting : first_) = &entry;
  last_ = &entry;
}

}  // namespace holdfast
