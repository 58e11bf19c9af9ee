#pragma once

#include <napi.h>

#include <functional>
#include <memory>

namespace holdfast::js {

/// The way of a native thread into JavaScript, which may be gone by the time: a knock then does
/// nothing. That is what a thread needs that nobody waits for.
class ThreadDoor {
 public:
  /// `opened` runs on JavaScript's thread soon after a knock, once for all that came before, and
  /// never after close(). An exception that it leaves is the process' uncaught one. Keeps the
  /// process alive only between ref() and unref().
  ThreadDoor(Napi::Env env, const char* name, std::function<void(Napi::Env)> opened);
  /// close(), on any thread; what `opened` holds is let go of on JavaScript's.
  ~ThreadDoor();
  ThreadDoor(const ThreadDoor&) = delete;
  ThreadDoor& operator=(const ThreadDoor&) = delete;

  /// Any thread.
  void knock();
  void close();

  // JavaScript's thread.
  void ref(Napi::Env env);
  void unref(Napi::Env env);

 private:
  struct State;
  static void open(Napi::Env env, Napi::Function, std::shared_ptr<State>* state, void*);

  const std::shared_ptr<State> state_;
};

}  // namespace holdfast::js
