#include "core/disk/access_fence.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace holdfast {

void AccessFence::set(Position position) {
  const std::lock_guard lock(mutex_);
  uint32_t state = state_.load(std::memory_order_relaxed) & kGeneration;
  if (position.reads) state |= kReads;
  if (position.writes) state |= kWrites;
  if (position.attentionPending) state |= kAttentionPending;
  state_.store(state);
}

bool AccessFence::enter(Pass& pass, unsigned lane, Access access) {
  pass.lane = static_cast<uint8_t>(lane % kLanes);
  for (;;) {
    pass.generation = generationOf(state_.load(std::memory_order_relaxed));
    pass.inside = true;
    lanes_[pass.lane].inFlight[pass.generation].fetch_add(1);
    const uint32_t state = state_.load();
    const bool open = (state & (access == Access::kRead ? kReads : kWrites)) != 0;
    const bool counted = generationOf(state) == pass.generation;
    if (open && counted) return true;
    leave(pass);
    if (!open) return false;
  }
}

void AccessFence::leave(Pass& pass) {
  if (!pass.inside) return;
  pass.inside = false;
  if (lanes_[pass.lane].inFlight[pass.generation].fetch_sub(1) == 1 && drainWanted_.load())
    settle();
}

void AccessFence::drain(std::function<void()> drained) {
  {
    const std::lock_guard lock(mutex_);
    next_.push_back(std::move(drained));
  }
  settle();
}

void AccessFence::settle() {
  Waiters drained;
  {
    const std::lock_guard lock(mutex_);
    drained = advance();
  }
  for (const auto& call : drained) call();
}

AccessFence::Waiters AccessFence::advance() {
  Waiters drained;
  // Before the counts are read: a request that leaves from now on looks whether it was the last.
  drainWanted_.store(true);
  for (;;) {
    const uint32_t state = state_.load(std::memory_order_relaxed);
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
