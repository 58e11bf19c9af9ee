#pragma once

#include <napi.h>

#include "core/scsi/scsi_controller.h"
#include "napi/attachment_handle.h"

namespace holdfast::js {

/// NativeScsiAttachment of src/native/addon.ts: disks behind a virtio-scsi controller.
class ScsiAttachmentObject : public Napi::ObjectWrap<ScsiAttachmentObject> {
 public:
  static Napi::Function define(Napi::Env env);
  /// `attachScsi(options)`; throws.
  static Napi::Value start(const Napi::CallbackInfo& info);

  explicit ScsiAttachmentObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  void addLogicalUnit(const Napi::CallbackInfo& info);
  Napi::Value removeLogicalUnit(const Napi::CallbackInfo& info);
  void configureLogicalUnit(const Napi::CallbackInfo& info);
  void capacityChanged(const Napi::CallbackInfo& info);

  Napi::Value stop(const Napi::CallbackInfo& info) { return handle_.stop(info.Env()); }
  Napi::Value admit(const Napi::CallbackInfo& info) { return handle_.admit(info); }
  Napi::Value withdraw(const Napi::CallbackInfo& info) { return handle_.withdraw(info.Env()); }
  void standStill(const Napi::CallbackInfo& info) { handle_.standStill(info); }
  void resume(const Napi::CallbackInfo&) { handle_.resume(); }
  Napi::Value inFlight(const Napi::CallbackInfo& info) { return handle_.inFlight(info.Env()); }
  Napi::Value stats(const Napi::CallbackInfo& info) { return handle_.stats(info.Env()); }
  Napi::Value complete(const Napi::CallbackInfo& info) { return handle_.complete(info); }

  /// False: it has ended, and an exception is pending.
  bool isRunning(Napi::Env env) const;

  scsi::ScsiController* controller_ = nullptr;  // the attachment's, while that runs
  AttachmentHandle handle_;
};

}  // namespace holdfast::js
