#include "napi/connection_object.h"

#include <sys/epoll.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "napi/addon_data.h"
#include "napi/js_error.h"

namespace holdfast::js {
namespace {

/// The caller's own mistake; what else a send meets is the peer's doing, or a want of resources,
/// and ends the connection.
bool isMistake(const Error& error) {
  return error.code == EINVAL || error.code == EBADF;
}

std::vector<int> fdsFrom(const Napi::Value& value) {
  std::vector<int> fds;
  if (!value.IsArray()) return fds;
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i)
    fds.push_back(Napi::Value(array.Get(i)).As<Napi::Number>().Int32Value());
  return fds;
}

}  // namespace

Napi::Function ConnectionObject::define(Napi::Env env) {
  using Self = ConnectionObject;
  return DefineClass(
      env, "NativeConnection",
      {InstanceMethod<&Self::start>("start"), InstanceMethod<&Self::pause>("pause"),
       InstanceMethod<&Self::resume>("resume"), InstanceMethod<&Self::send>("send"),
       InstanceMethod<&Self::unsent>("unsent"), InstanceMethod<&Self::close>("close")});
}

Napi::Object ConnectionObject::make(Napi::Env env, std::shared_ptr<SocketHub> hub,
                                    UniqueFd socket) {
  const Napi::Object object = env.GetInstanceData<AddonData>()->connectionClass.New({});
  ConnectionObject& self = *Unwrap(object);
  self.stream_.emplace(std::move(socket));
  self.id_ = hub->add(env, self);
  self.hub_ = std::move(hub);
  const ucred credentials = self.stream_->peer();
  Napi::Object peer = Napi::Object::New(env);
  peer.Set("pid", credentials.pid);
  peer.Set("uid", credentials.uid);
  peer.Set("gid", credentials.gid);
  object.DefineProperty(Napi::PropertyDescriptor::Value("peer", peer, napi_enumerable));
  return object;
}

ConnectionObject::~ConnectionObject() {
  end({});
  if (hub_) hub_->remove(Env(), id_);
}

void ConnectionObject::start(const Napi::CallbackInfo& info) {
  const Napi::Object handlers = info[0].As<Napi::Object>();
  onData_ = Napi::Persistent(handlers.Get("onData").As<Napi::Function>());
  onEnd_ = Napi::Persistent(handlers.Get("onEnd").As<Napi::Function>());
  Ref();  // until the end was told
  if (stream_)
    arm();
  else
    hub_->call(id_);
}

void ConnectionObject::resume(const Napi::CallbackInfo&) {
  paused_ = false;
  arm();
}

void ConnectionObject::send(const Napi::CallbackInfo& info) {
  if (!stream_ || !sendError_.empty()) return;
  const auto data = info[0].As<Napi::Uint8Array>();
  const std::vector<int> fds = fdsFrom(info[1]);
  const auto* bytes = reinterpret_cast<const std::byte*>(data.Data());
  if (Status queued = stream_->queue({bytes, data.ByteLength()}, fds); !queued) {
    if (isMistake(queued.error())) return throwError(info.Env(), queued.error());
    return end(queued.error().message);
  }
  flush();
  arm();
}

Napi::Value ConnectionObject::unsent(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), stream_ ? static_cast<double>(stream_->unsent()) : 0);
}

void ConnectionObject::ready(Napi::Env env, uint32_t events) {
  if (stream_) flush();
  const bool readable = (events & ~uint32_t{EPOLLOUT}) != 0;
  if (stream_ && readable && !onData_.IsEmpty() && !paused_) receive(env);
  if (stream_)
    arm();
  else
    tellEnd(env);
}

void ConnectionObject::receive(Napi::Env env) {
  FdStream::Input input;
  const auto received = stream_->receive(input);
  if (!received) {
    for (UniqueFd& fd : input.fds) hub_->dispose(std::move(fd));
    return end(received.error().message);
  }
  switch (*received) {
    case FdStream::Received::kSome:
      return deliver(env, input);
    case FdStream::Received::kEnd:
      return end(sendError_);
    case FdStream::Received::kNothingYet:
      break;
  }
}

void ConnectionObject::deliver(Napi::Env env, FdStream::Input& input) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(input.data.data());
  Napi::Array fds = Napi::Array::New(env, input.fds.size());
  for (uint32_t i = 0; i < input.fds.size(); ++i) fds.Set(i, input.fds[i].release());
  onData_.Call({Napi::Buffer<uint8_t>::Copy(env, bytes, input.data.size()), fds});
}

void ConnectionObject::flush() {
  if (Status flushed = stream_->flush(); !flushed) sendError_ = flushed.error().message;
}

void ConnectionObject::arm() {
  if (!stream_) return;
  uint32_t events = 0;
  if (!onData_.IsEmpty() && !paused_) events |= EPOLLIN;
  if (stream_->unsent() > 0) events |= EPOLLOUT;
  // A hang-up shows whatever is asked for, and again and again: so nothing is, for nothing.
  if (events != 0) hub_->arm(stream_->fd(), id_, events);
}

void ConnectionObject::end(std::string reason) {
  if (!stream_) return;
  endReason_ = std::move(reason);
  hub_->close(stream_->release(), id_);
  stream_.reset();
  if (!onEnd_.IsEmpty()) hub_->call(id_);
}

void ConnectionObject::tellEnd(Napi::Env env) {
  if (onEnd_.IsEmpty() || std::exchange(endTold_, true)) return;
  hub_->remove(env, id_);
  onEnd_.Call({Napi::String::New(env, endReason_)});
  onData_.Reset();
  onEnd_.Reset();
  Unref();
}

}  // namespace holdfast::js
