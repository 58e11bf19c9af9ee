#include "napi/fence_object.h"

#include "napi/addon_data.h"
#include "napi/promise_from_thread.h"
#include "napi/thread_door.h"

namespace holdfast::js {
namespace {

/// What calls `onConflict` of FenceOptions on JavaScript's thread; empty without one.
std::function<void()> conflictCall(Napi::Env env, const Napi::Value& options) {
  if (!options.IsObject()) return {};
  const Napi::Value given = options.As<Napi::Object>().Get("onConflict");
  if (!given.IsFunction()) return {};
  const auto listener =
      std::make_shared<Napi::FunctionReference>(Napi::Persistent(given.As<Napi::Function>()));
  const auto door = std::make_shared<ThreadDoor>(env, "holdfast fence",
                                                 [listener](Napi::Env) { listener->Call({}); });
  return [door] { door->knock(); };
}

}  // namespace

Napi::Function FenceObject::define(Napi::Env env) {
  return DefineClass(
      env, "NativeFence",
      {InstanceMethod<&FenceObject::set>("set"), InstanceMethod<&FenceObject::drained>("drained")});
}

Napi::Value FenceObject::create(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<AddonData>()->fenceClass.New({info[0]});
}

FenceObject::FenceObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info), fence_(std::make_shared<AccessFence>(conflictCall(info.Env(), info[0]))) {}

void FenceObject::set(const Napi::CallbackInfo& info) {
  const Napi::Object position = info[0].As<Napi::Object>();
  const auto flag = [&position](const char* name) {
    const Napi::Value value = position.Get(name);
    return value.IsBoolean() && value.As<Napi::Boolean>().Value();
  };
  const Napi::Value epoch = position.Get("epoch");
  fence_->set({.reads = flag("reads"),
               .writes = flag("writes"),
               .attentionPending = flag("attentionPending"),
               .held = flag("held"),
               .judgesConflicts = flag("judgesConflicts"),
               .epoch = epoch.IsNumber() ? epoch.As<Napi::Number>().Uint32Value() : 0});
}

Napi::Value FenceObject::drained(const Napi::CallbackInfo& info) {
  const PromiseFromThread promise(info.Env(), "holdfast fence");
  fence_->drain(promise.resolver());
  return promise.value();
}

}  // namespace holdfast::js
