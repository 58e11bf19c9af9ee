#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/status.h"
#include "core/socket/fd_stream.h"
#include "napi/socket_hub.h"

namespace holdfast::js {

/// NativeConnection of src/native/addon.ts.
class ConnectionObject : public Napi::ObjectWrap<ConnectionObject>, private SocketHub::Owner {
 public:
  static Napi::Function define(Napi::Env env);
  /// For a connected socket.
  static Napi::Object make(Napi::Env env, std::shared_ptr<SocketHub> hub, UniqueFd socket);

  explicit ConnectionObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}
  ~ConnectionObject() override;

 private:
  void start(const Napi::CallbackInfo& info);
  void pause(const Napi::CallbackInfo&) { paused_ = true; }
  void resume(const Napi::CallbackInfo& info);
  void send(const Napi::CallbackInfo& info);
  Napi::Value unsent(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo&) { end({}); }

  void ready(Napi::Env env, uint32_t events) override;
  void receive(Napi::Env env);
  void deliver(Napi::Env env, FdStream::Input& input);
  void flush();
  /// Waits for what there is to wait for.
  void arm();
  /// Closes the socket; onEnd comes later.
  void end(std::string reason);
  void tellEnd(Napi::Env env);

  std::shared_ptr<SocketHub> hub_;
  std::optional<FdStream> stream_;  // none: it has ended
  uint64_t id_ = 0;
  Napi::FunctionReference onData_, onEnd_;  // empty before start()
  bool paused_ = false;
  bool endTold_ = false;
  /// Why nothing can be sent any more, though something may be left to be read.
  std::string sendError_;
  std::string endReason_;
};

}  // namespace holdfast::js
