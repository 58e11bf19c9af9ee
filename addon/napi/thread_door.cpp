#include "napi/thread_door.h"

#include <mutex>
#include <utility>

#include "napi/js_error.h"

namespace holdfast::js {

struct ThreadDoor::State {
  using Function = Napi::TypedThreadSafeFunction<std::shared_ptr<State>, void, &ThreadDoor::open>;

  std::mutex mutex;
  bool usable = true;  // `function` exists, and nobody closed the door
  bool knocked = false;
  Function function;
  std::function<void(Napi::Env)> opened;  // of JavaScript's thread
};

ThreadDoor::ThreadDoor(Napi::Env env, const char* name, std::function<void(Napi::Env)> opened)
    : state_(std::make_shared<State>()) {
  state_->opened = std::move(opened);
  // The environment may end before those who knock: from then on its function must not be called.
  const auto finalize = [](Napi::Env, void*, std::shared_ptr<State>* context) {
    const std::unique_ptr<std::shared_ptr<State>> owned(context);
    std::function<void(Napi::Env)> last;
    {
      const std::lock_guard lock((*owned)->mutex);
      (*owned)->usable = false;
      last = std::exchange((*owned)->opened, {});
    }
  };
  state_->function =
      State::Function::New(env, name, 0, 1, new std::shared_ptr<State>(state_), finalize);
  state_->function.Unref(env);
}

ThreadDoor::~ThreadDoor() {
  close();
}

void ThreadDoor::knock() {
  const std::lock_guard lock(state_->mutex);
  if (!state_->usable || std::exchange(state_->knocked, true)) return;
  state_->function.NonBlockingCall();
}

void ThreadDoor::close() {
  const std::lock_guard lock(state_->mutex);
  if (std::exchange(state_->usable, false)) state_->function.Abort();
}

void ThreadDoor::ref(Napi::Env env) {
  const std::lock_guard lock(state_->mutex);
  if (state_->usable) state_->function.Ref(env);
}

void ThreadDoor::unref(Napi::Env env) {
  const std::lock_guard lock(state_->mutex);
  if (state_->usable) state_->function.Unref(env);
}

void ThreadDoor::open(Napi::Env env, Napi::Function, std::shared_ptr<State>* state, void*) {
  if (env == nullptr) return;  // the environment ended, and the state with it
  const std::shared_ptr<State> held = *state;
  {
    const std::lock_guard lock(held->mutex);
    held->knocked = false;
    if (!held->usable) return;
  }
  held->opened(env);
  raiseUncaught(env);
}

}  // namespace holdfast::js
