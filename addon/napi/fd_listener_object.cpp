#include "napi/fd_listener_object.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <cerrno>
#include <utility>

#include "napi/addon_data.h"
#include "napi/connection_object.h"
#include "napi/js_error.h"

namespace holdfast::js {
namespace {

Result<ListeningSocket> socketFrom(const Napi::Object& options) {
  if (const Napi::Value path = options.Get("socketPath"); path.IsString()) {
    const auto mode = options.Get("socketMode").As<Napi::Number>().Uint32Value();
    return ListeningSocket::bind(path.As<Napi::String>(), mode);
  }
  UniqueFd passed(options.Get("socketFd").As<Napi::Number>().Int32Value());
  const auto listens = isListening(passed);
  if (!listens) return listens.error();
  if (!*listens)
    return Error{EINVAL, "file descriptor " + std::to_string(passed.get()) + " does not listen"};
  if (::fcntl(passed.get(), F_SETFD, FD_CLOEXEC) != 0) return systemError("fcntl", errno);
  return ListeningSocket(std::move(passed));
}

}  // namespace

Napi::Function FdListenerObject::define(Napi::Env env) {
  return DefineClass(env, "NativeFdListener", {InstanceMethod<&FdListenerObject::close>("close")});
}

Napi::Value FdListenerObject::listen(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = info[0].As<Napi::Object>();
  auto hub = SocketHub::of(env);
  if (!hub) return {};
  auto socket = socketFrom(options);
  if (!socket) {
    throwError(env, socket.error());
    return {};
  }
  const Napi::Object object = env.GetInstanceData<AddonData>()->listenerClass.New({});
  FdListenerObject& self = *Unwrap(object);
  self.hub_ = std::move(hub);
  self.socket_.emplace(std::move(*socket));
  self.onConnection_ = Napi::Persistent(options.Get("onConnection").As<Napi::Function>());
  self.id_ = self.hub_->add(env, self);
  self.hub_->arm(self.socket_->fd(), self.id_, EPOLLIN);
  self.Ref();  // until it is closed
  return object;
}

void FdListenerObject::close(const Napi::CallbackInfo& info) {
  if (!socket_) return;
  hub_->close(socket_->release(), id_);
  hub_->remove(info.Env(), id_);
  socket_.reset();
  onConnection_.Reset();
  Unref();
}

void FdListenerObject::ready(Napi::Env env, uint32_t) {
  auto accepted = socket_->accept();
  // Nobody could do better about an error than about a shortage: try again later.
  if (!accepted || accepted->shortage)
    return hub_->armLater(socket_->fd(), id_, EPOLLIN, ListeningSocket::kShortageMs);
  hub_->arm(socket_->fd(), id_, EPOLLIN);
  if (accepted->connection)
    onConnection_.Call({ConnectionObject::make(env, hub_, std::move(accepted->connection))});
}

}  // namespace holdfast::js
