#include "core/disk/access_fence.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace holdfast {

void AccessFence::set(Position position) {
  const std::lock_guard lock(mutex_);
  const State before = state_.load(std::memory_order_relaxed);
  State state = (before & kGeneration) | State{position.epoch} << kEpochShift;
  if (position.reads) state |= kReads;
  if (position.writes) state |= kWrites;
  if (position.attentionPending) state |= kAttentionPending;
  if (position.held) state |= kHeld;
  if (position.judgesConflicts) state |= kJudges;
  state_.store(state);
  moves_.fetch_add(1);  // after the state: whoever sees the move sees the position
  const bool someMayWait = (before & kHeld) || std::exchange(verdictWanted_, false);
  if (!someMayWait) return;
  for (Waiter* waiter : waiters_) waiter->fenceMoved();
}

void AccessFence::join(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  waiters_.push_back(&waiter);
}

void AccessFence::part(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  waiters_.erase(std::ranges::find(waiters_, &waiter));
}

AccessFence::Entry AccessFence::enter(Pass& pass, unsigned lane, Access access) {
  const State needed = access == Access::kRead ? kReads : kWrites;
  pass.lane = static_cast<uint8_t>(lane % kLanes);
  for (;;) {
    pass.generation = generationOf(state_.load(std::memory_order_relaxed));
    pass.inside = true;
    lanes_[pass.lane].inFlight[pass.generation].fetch_add(1);
    const State state = state_.load();
    const bool open = (state & (needed | kHeld)) == needed;
    if (open && generationOf(state) == pass.generation) {
      pass.epoch = static_cast<uint32_t>(state >> kEpochShift);
      return Entry::kPassed;
    }
    leave(pass);
    if (!open) return (state & kHeld) ? Entry::kHeld : Entry::kConflict;
  }
}

void AccessFence::leave(Pass& pass) {
  if (!pass.inside) return;
  pass.inside = false;
  if (lanes_[pass.lane].inFlight[pass.generation].fetch_sub(1) == 1 && drainWanted_.load())
    settle();
}

bool AccessFence::awaitVerdict(Pass& pass) {
  bool ask;
  {
    const std::lock_guard lock(mutex_);
    if (!(state_.load(std::memory_order_relaxed) & kJudges)) return false;
    pass.judgedBefore = moves_.load(std::memory_order_relaxed);
    ask = !std::exchange(verdictWanted_, true);
  }
  leave(pass);
  if (ask && onConflict_) onConflict_();
  return true;
}

AccessFence::Entry AccessFence::enterAgain(Pass& pass, Access access) {
  if (moves_.load() == pass.judgedBefore) return Entry::kHeld;
  const uint32_t epoch = pass.epoch;
  const Entry entry = enter(pass, pass.lane, access);
  if (entry != Entry::kPassed || pass.epoch == epoch) return entry;
  leave(pass);
  return Entry::kConflict;
}

void AccessFence::drain(std::function<void()> drained) {
  {
    const std::lock_guard lock(mutex_);
    next_.push_back(std::move(drained));
  }
  settle();
}

void AccessFence::settle() {
  Drained drained;
  {
    const std::lock_guard lock(mutex_);
    drained = advance();
  }
  for (const auto& call : drained) call();
}

AccessFence::Drained AccessFence::advance() {
  Drained drained;
  // Before the counts are read: a request that leaves from now on looks whether it was the last.
  drainWanted_.store(true);
  for (;;) {
    const State state = state_.load(std::memory_order_relaxed);
    if (!isEmpty(generationOf(state) ^ 1)) return drained;
    std::move(current_.begin(), current_.end(), std::back_inserter(drained));
    current_.clear();
    if (next_.empty()) break;
    std::swap(current_, next_);
    state_.store(state ^ kGeneration);
  }
  drainWanted_.store(false);
  return drained;
}

bool AccessFence::isEmpty(uint8_t generation) const {
  return std::all_of(lanes_.begin(), lanes_.end(), [generation](const Lane& lane) {
    return lane.inFlight[generation].load() == 0;
  });
}

}  // namespace holdfast
