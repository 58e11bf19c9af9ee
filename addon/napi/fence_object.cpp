#include "napi/fence_object.h"

#include "napi/addon_data.h"
#include "napi/promise_from_thread.h"

namespace holdfast::js {

Napi::Function FenceObject::define(Napi::Env env) {
  return DefineClass(
      env, "NativeFence",
      {InstanceMethod<&FenceObject::set>("set"), InstanceMethod<&FenceObject::drained>("drained")});
}

Napi::Value FenceObject::create(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<AddonData>()->fenceClass.New({});
}

void FenceObject::set(const Napi::CallbackInfo& info) {
  const Napi::Object position = info[0].As<Napi::Object>();
  const auto flag = [&position](const char* name) {
    return position.Get(name).As<Napi::Boolean>().Value();
  };
  fence_->set({.reads = flag("reads"),
               .writes = flag("writes"),
               .attentionPending = flag("attentionPending")});
}

Napi::Value FenceObject::drained(const Napi::CallbackInfo& info) {
  const PromiseFromThread promise(info.Env(), "holdfast fence");
  fence_->drain(promise.resolver());
  return promise.value();
}

}  // namespace holdfast::js
