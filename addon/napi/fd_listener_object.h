#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "core/socket/listening_socket.h"
#include "napi/socket_hub.h"

namespace holdfast::js {

/// NativeFdListener of src/native/addon.ts.
class FdListenerObject : public Napi::ObjectWrap<FdListenerObject>, private SocketHub::Owner {
 public:
  static Napi::Function define(Napi::Env env);
  /// `listenForFds(options)`; throws.
  static Napi::Value listen(const Napi::CallbackInfo& info);

  explicit FdListenerObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

 private:
  void close(const Napi::CallbackInfo& info);
  void ready(Napi::Env env, uint32_t events) override;

  std::shared_ptr<SocketHub> hub_;
  std::optional<ListeningSocket> socket_;  // none: closed
  uint64_t id_ = 0;
  Napi::FunctionReference onConnection_;
};

}  // namespace holdfast::js
