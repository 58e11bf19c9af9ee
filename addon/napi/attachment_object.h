#pragma once

#include <napi.h>

#include <memory>

#include "core/disk/disk.h"
#include "napi/attachment_handle.h"

namespace holdfast::js {

/// NativeAttachment of src/native/addon.ts: a disk as a virtio-blk device.
class AttachmentObject : public Napi::ObjectWrap<AttachmentObject> {
 public:
  static Napi::Function define(Napi::Env env);
  /// `disk.attach(options)`; throws.
  static Napi::Value start(Napi::Env env, std::shared_ptr<Disk> disk, Napi::Object options);

  explicit AttachmentObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  Napi::Value stop(const Napi::CallbackInfo& info) { return handle_.stop(info.Env()); }
  Napi::Value admit(const Napi::CallbackInfo& info) { return handle_.admit(info); }
  Napi::Value withdraw(const Napi::CallbackInfo& info) { return handle_.withdraw(info.Env()); }
  void standStill(const Napi::CallbackInfo& info) { handle_.standStill(info); }
  void resume(const Napi::CallbackInfo&) { handle_.resume(); }
  Napi::Value inFlight(const Napi::CallbackInfo& info) { return handle_.inFlight(info.Env()); }
  Napi::Value stats(const Napi::CallbackInfo& info) { return handle_.stats(info.Env()); }
  Napi::Value complete(const Napi::CallbackInfo& info) { return handle_.complete(info); }

  std::shared_ptr<Disk> disk_;
  AttachmentHandle handle_;
};

}  // namespace holdfast::js
