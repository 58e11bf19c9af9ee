#pragma once

#include <napi.h>

#include <memory>

#include "core/disk/access_fence.h"

namespace holdfast::js {

/// NativeFence of src/native/addon.ts.
class FenceObject : public Napi::ObjectWrap<FenceObject> {
 public:
  static Napi::Function define(Napi::Env env);
  /// `createFence(options)`.
  static Napi::Value create(const Napi::CallbackInfo& info);

  explicit FenceObject(const Napi::CallbackInfo& info);

  /// Those whose requests pass it keep it alive.
  const std::shared_ptr<AccessFence>& fence() const { return fence_; }

 private:
  void set(const Napi::CallbackInfo& info);
  Napi::Value drained(const Napi::CallbackInfo& info);

  const std::shared_ptr<AccessFence> fence_;
};

}  // namespace holdfast::js
