#include "core/lane/lane.h"

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace holdfast {
namespace {

/// Enough for a system call and its answer, with a sanitizer's share.
constexpr size_t kStackSize = 256 << 10;

}  // namespace

/// What the lane and its thread share; the last of them lets go of it.
struct Lane::State {
  explicit State(Returned givenBack) : returned(std::move(givenBack)) {}

  const Returned returned;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::unique_ptr<LaneCall>> waiting;
  bool started = false;
  bool ended = false;
  /// On its way to the thread.
  std::shared_ptr<State> self;
};

Lane::Lane(Returned returned) : state_(std::make_shared<State>(std::move(returned))) {}

Lane::~Lane() {
  end();
}

Status Lane::submit(std::unique_ptr<LaneCall> call) {
  const std::lock_guard lock(state_->mutex);
  if (state_->ended) return Error{ESHUTDOWN, "the lane has ended"};
  if (state_->waiting.size() >= kWaitingMax)
    return Error{EBUSY, std::to_string(kWaitingMax) + " calls wait in the lane"};
  if (!state_->started) {
    if (Status started = startThread(state_); !started) return started;
    state_->started = true;
  }
  state_->waiting.push_back(std::move(call));
  state_->changed.notify_one();
  return {};
}

void Lane::end() {
  const std::lock_guard lock(state_->mutex);
  state_->ended = true;
  state_->changed.notify_one();
}

Status Lane::startThread(const std::shared_ptr<State>& state) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&attributes, kStackSize);
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // the new thread inherits it
  state->self = state;
  pthread_t thread;
  const int error = ::pthread_create(&thread, &attributes, &Lane::serve, state.get());
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&attributes);
  if (error == 0) return {};
  state->self.reset();
  return systemError("cannot start a lane", error);
}

void* Lane::serve(void* given) {
  const std::shared_ptr<State> owned = std::move(static_cast<State*>(given)->self);
  State& state = *owned;
  ::pthread_setname_np(::pthread_self(), "hf-call");
  std::unique_lock lock(state.mutex);
  for (;;) {
    state.changed.wait(lock, [&state] { return state.ended || !state.waiting.empty(); });
    if (state.waiting.empty()) return nullptr;
    std::unique_ptr<LaneCall> call = std::move(state.waiting.front());
    state.waiting.pop_front();
    lock.unlock();
    call->result_ = call->run();
    state.returned(std::move(call));
    lock.lock();
  }
}

}  // namespace holdfast
