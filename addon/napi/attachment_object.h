#pragma once

#include <napi.h>

#include <memory>

#include "core/device/attachment.h"
#include "core/disk/disk.h"

namespace holdfast::js {

/// NativeAttachment of src/native/addon.ts. Events reach JavaScript through a thread-safe function,
/// which never blocks the control thread: a busy event loop sees them late.
class AttachmentObject : public Napi::ObjectWrap<AttachmentObject> {
 public:
  static Napi::Function define(Napi::Env env);
  /// `disk.attach(options)`; throws.
  static Napi::Value start(Napi::Env env, std::shared_ptr<Disk> disk, Napi::Object options);

  explicit AttachmentObject(const Napi::CallbackInfo& info);

 private:
  /// On JavaScript's thread.
  void deliver(Napi::Env env, Napi::Function listener, const AttachmentEvent& event);

  Napi::Value stop(const Napi::CallbackInfo& info);
  Napi::Value inFlight(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);

  std::shared_ptr<Disk> disk_;
  std::unique_ptr<Attachment> attachment_;  // null once ended
  Napi::ThreadSafeFunction events_;
  std::vector<Napi::Promise::Deferred> stopWaiters_;
};

}  // namespace holdfast::js
