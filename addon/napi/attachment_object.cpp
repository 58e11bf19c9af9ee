#include "napi/attachment_object.h"

#include <utility>

#include "core/blk/blk_device.h"
#include "core/vhost_user/connector.h"
#include "core/vhost_user/listener.h"
#include "core/vhost_user/passed_socket.h"
#include "napi/addon_data.h"
#include "napi/js_error.h"

namespace holdfast::js {
namespace {

using ConnectionSource = vhost_user::ConnectionSource;

Result<std::unique_ptr<ConnectionSource>> makeSource(const Napi::Object& options) {
  const auto upcast = [](auto made) -> Result<std::unique_ptr<ConnectionSource>> {
    if (!made) return made.error();
    return std::unique_ptr<ConnectionSource>(std::move(*made));
  };
  if (const Napi::Value path = options.Get("socketPath"); path.IsString()) {
    const auto mode = options.Get("socketMode").As<Napi::Number>().Uint32Value();
    return upcast(vhost_user::Listener::bind(path.As<Napi::String>(), mode));
  }
  if (const Napi::Value path = options.Get("connectPath"); path.IsString())
    return upcast(vhost_user::Connector::create(path.As<Napi::String>()));
  const int fd = options.Get("socketFd").As<Napi::Number>().Int32Value();
  return vhost_user::adoptSocket(UniqueFd(fd));
}

blk::BlkOptions blkOptions(const Napi::Object& options) {
  const uint32_t queues = options.Get("numQueues").As<Napi::Number>().Uint32Value();
  return {.queueCount = static_cast<uint16_t>(queues),
          .configWce = options.Get("configWce").As<Napi::Boolean>()};
}

const char* typeName(AttachmentEvent::Kind kind) {
  switch (kind) {
    case AttachmentEvent::Kind::kConnected:
      return "connected";
    case AttachmentEvent::Kind::kDisconnected:
      return "disconnected";
    case AttachmentEvent::Kind::kWarning:
      return "warning";
    case AttachmentEvent::Kind::kEnded:
      break;
  }
  return "ended";
}

}  // namespace

Napi::Function AttachmentObject::define(Napi::Env env) {
  return DefineClass(env, "NativeAttachment",
                     {InstanceMethod<&AttachmentObject::stop>("stop"),
                      InstanceMethod<&AttachmentObject::inFlight>("inFlight"),
                      InstanceMethod<&AttachmentObject::stats>("stats")});
}

Napi::Value AttachmentObject::start(Napi::Env env, std::shared_ptr<Disk> disk,
                                    Napi::Object options) {
  auto source = makeSource(options);
  if (!source) {
    throwError(env, source.error());
    return {};
  }
  const Napi::Object object = env.GetInstanceData<AddonData>()->attachmentClass.New({});
  AttachmentObject& self = *Unwrap(object);
  self.disk_ = std::move(disk);
  self.events_ = Napi::ThreadSafeFunction::New(env, options.Get("onEvent").As<Napi::Function>(),
                                               "holdfast attachment", 0, 1);
  self.Ref();  // until kEnded: the control thread calls back into this object

  Attachment::Options native;
  native.pollNanoseconds = options.Get("pollMicroseconds").As<Napi::Number>().Int64Value() * 1000;
  native.onEvent = [&self](AttachmentEvent event) {
    auto* owned = new AttachmentEvent(std::move(event));
    const auto deliver = [&self](Napi::Env target, Napi::Function listener,
                                 AttachmentEvent* delivered) {
      const std::unique_ptr<AttachmentEvent> guard(delivered);
      self.deliver(target, listener, *guard);
    };
    if (self.events_.NonBlockingCall(owned, deliver) != napi_ok) delete owned;
  };
  auto attachment =
      Attachment::start(std::make_unique<blk::BlkDevice>(blkOptions(options), *self.disk_),
                        std::move(*source), std::move(native));
  if (!attachment) {
    self.events_.Release();
    self.Unref();
    throwError(env, attachment.error());
    return {};
  }
  self.attachment_ = std::move(*attachment);
  return object;
}

AttachmentObject::AttachmentObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

void AttachmentObject::deliver(Napi::Env env, Napi::Function listener,
                               const AttachmentEvent& event) {
  const bool ended = event.kind == AttachmentEvent::Kind::kEnded;
  if (ended) {
    attachment_.reset();  // its thread is past its last line: joins at once
    disk_.reset();
    events_.Release();
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("type", typeName(event.kind));
  object.Set(event.kind == AttachmentEvent::Kind::kWarning ? "message" : "reason", event.text);
  listener.Call({object});
  if (!ended) return;
  for (const Napi::Promise::Deferred& waiter : stopWaiters_) waiter.Resolve(env.Undefined());
  stopWaiters_.clear();
  Unref();
}

Napi::Value AttachmentObject::stop(const Napi::CallbackInfo& info) {
  const Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(info.Env());
  if (attachment_) {
    stopWaiters_.push_back(deferred);
    attachment_->requestStop();
  } else {
    deferred.Resolve(info.Env().Undefined());
  }
  return deferred.Promise();
}

Napi::Value AttachmentObject::inFlight(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           attachment_ ? static_cast<double>(attachment_->inFlight()) : 0);
}

Napi::Value AttachmentObject::stats(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array queues = Napi::Array::New(env);
  if (!attachment_) return queues;
  for (const virtio::QueueCounters& counters : attachment_->counters()) {
    Napi::Object queue = Napi::Object::New(env);
    const std::pair<const char*, const RelaxedCounter&> fields[] = {
        {"requests", counters.requests},         {"readBytes", counters.readBytes},
        {"writtenBytes", counters.writtenBytes}, {"flushes", counters.flushes},
        {"discards", counters.discards},         {"failed", counters.failed},
        {"bounced", counters.bounced},           {"calls", counters.calls}};
    for (const auto& [name, counter] : fields) queue.Set(name, static_cast<double>(counter.get()));
    queues.Set(queues.Length(), queue);
  }
  return queues;
}

}  // namespace holdfast::js
