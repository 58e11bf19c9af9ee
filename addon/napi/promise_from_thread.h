#pragma once

#include <napi.h>

#include <functional>
#include <utility>

namespace holdfast::js {

/// A promise that another thread resolves.
class PromiseFromThread {
 public:
  PromiseFromThread(Napi::Env env, const char* name)
      : deferred_(Napi::Promise::Deferred::New(env)),
        function_(Napi::ThreadSafeFunction::New(
            env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), name, 0, 1)) {}

  Napi::Value value() const { return deferred_.Promise(); }

  /// To be called once, on any thread; until then the process doesn't end by itself.
  std::function<void()> resolver() const {
    return [deferred = deferred_, function = function_]() mutable {
      function.NonBlockingCall(
          [deferred](Napi::Env env, Napi::Function) { deferred.Resolve(env.Undefined()); });
      function.Release();
    };
  }

 private:
  Napi::Promise::Deferred deferred_;
  Napi::ThreadSafeFunction function_;
};

}  // namespace holdfast::js
