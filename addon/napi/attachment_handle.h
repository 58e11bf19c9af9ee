#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <vector>

#include "core/device/attachment.h"
#include "core/mailbox/mailbox.h"

namespace holdfast::js {

/// An attachment as JavaScript holds it, whatever device it serves: its events, its mailbox and its
/// end. What happens on native threads reaches JavaScript through thread-safe functions, which
/// never block those: a busy event loop hears of it late.
class AttachmentHandle {
 public:
  /// Where `options` has a `mailbox`: its `onMessages` hears of them from now on.
  void openMailbox(Napi::Env env, const Napi::Object& options);
  /// Where start() is not to follow; no model refers to it any more.
  void closeMailbox();
  /// Null without openMailbox(), and after the end.
  Mailbox* mailbox() const { return mailbox_.get(); }

  /// Serves `model` at the endpoint of `options`. `ended` is called on JavaScript's thread when
  /// everything of the attachment is gone; this must stay until then. False: an exception is
  /// pending, and nothing has begun.
  bool start(Napi::Env env, const Napi::Object& options, std::unique_ptr<virtio::DeviceModel> model,
             std::function<void()> ended);
  bool isRunning() const { return attachment_ != nullptr; }

  Napi::Value stop(Napi::Env env);
  /// `admit(demand)`.
  Napi::Value admit(const Napi::CallbackInfo& info);
  Napi::Value withdraw(Napi::Env env);
  /// `standStill(demand)`.
  void standStill(const Napi::CallbackInfo& info);
  void resume();
  Napi::Value inFlight(Napi::Env env) const;
  Napi::Value stats(Napi::Env env) const;
  /// `complete(token, answer)`.
  Napi::Value complete(const Napi::CallbackInfo& info);

 private:
  void deliverMessages(Napi::Env env, const Napi::Function& listener);
  void deliverEvent(Napi::Env env, const Napi::Function& listener, const AttachmentEvent& event);

  std::unique_ptr<Mailbox> mailbox_;
  std::unique_ptr<Attachment> attachment_;  // null once ended
  Napi::ThreadSafeFunction messages_, events_;
  std::function<void()> ended_;
  std::vector<Napi::Promise::Deferred> stopWaiters_;
};

}  // namespace holdfast::js
