#include "napi/attachment_handle.h"

#include <utility>

#include "core/vhost_user/connector.h"
#include "core/vhost_user/listener.h"
#include "core/vhost_user/passed_socket.h"
#include "napi/attachment_state_values.h"
#include "napi/js_error.h"
#include "napi/mailbox_values.h"

namespace holdfast::js {
namespace {

using ConnectionSource = vhost_user::ConnectionSource;

template <typename Source>
Result<std::unique_ptr<ConnectionSource>> upcast(Result<std::unique_ptr<Source>> made) {
  if (!made) return made.error();
  return std::unique_ptr<ConnectionSource>(std::move(*made));
}

Result<std::unique_ptr<ConnectionSource>> makeSource(const Napi::Object& options) {
  if (const Napi::Value path = options.Get("socketPath"); path.IsString()) {
    const auto mode = options.Get("socketMode").As<Napi::Number>().Uint32Value();
    return upcast(vhost_user::Listener::bind(path.As<Napi::String>(), mode));
  }
  if (const Napi::Value path = options.Get("connectPath"); path.IsString())
    return upcast(vhost_user::Connector::create(path.As<Napi::String>()));
  const int fd = options.Get("socketFd").As<Napi::Number>().Int32Value();
  return vhost_user::adoptSocket(UniqueFd(fd));
}

/// Where the next connections come from, after that of the process before.
Result<std::unique_ptr<ConnectionSource>> inheritedSource(const Napi::Object& options,
                                                          UniqueFd listener) {
  const Napi::Value path = options.Get("socketPath");
  if (listener && path.IsString())
    return upcast(vhost_user::Listener::adopt(std::move(listener), path.As<Napi::String>()));
  if (listener) return vhost_user::adoptSocket(std::move(listener));
  if (options.Get("connectPath").IsString()) return makeSource(options);
  return vhost_user::noConnections();
}

const char* typeName(AttachmentEvent::Kind kind) {
  switch (kind) {
    case AttachmentEvent::Kind::kConnected:
      return "connected";
    case AttachmentEvent::Kind::kDisconnected:
      return "disconnected";
    case AttachmentEvent::Kind::kWarning:
      return "warning";
    case AttachmentEvent::Kind::kDisksWanted:
      return "disks-wanted";
    case AttachmentEvent::Kind::kDisksLeft:
      return "disks-left";
    case AttachmentEvent::Kind::kStandsStill:
      return "stands-still";
    case AttachmentEvent::Kind::kEnded:
      break;
  }
  return "ended";
}

}  // namespace

void AttachmentHandle::openMailbox(Napi::Env env, const Napi::Object& options) {
  if (!options.Get("mailbox").IsObject()) return;
  const Napi::Object given = options.Get("mailbox").As<Napi::Object>();
  Mailbox::Options native;
  const auto milliseconds = given.Get("commandTimeoutMs").As<Napi::Number>().Int64Value();
  native.commandTimeout = milliseconds * 1'000'000;
  messages_ = Napi::ThreadSafeFunction::New(env, given.Get("onMessages").As<Napi::Function>(),
                                            "holdfast mailbox", 0, 1);
  mailbox_ = std::make_unique<Mailbox>(native, [this] {
    messages_.NonBlockingCall(
        [this](Napi::Env target, Napi::Function listener) { deliverMessages(target, listener); });
  });
}

bool AttachmentHandle::start(Napi::Env env, const Napi::Object& options,
                             std::unique_ptr<virtio::DeviceModel> model,
                             std::function<void()> ended) {
  const auto refuse = [&](const Error& error) {
    model.reset();
    closeMailbox();
    throwError(env, error);
    return false;
  };
  const bool inherits = options.Get("inherited").IsObject();
  Result<AttachmentState> inherited = AttachmentState{};
  if (inherits) inherited = attachmentStateFrom(options.Get("inherited"));
  if (!inherited) return refuse(inherited.error());
  auto source =
      inherits ? inheritedSource(options, std::move(inherited->listener)) : makeSource(options);
  if (!source) return refuse(source.error());
  events_ = Napi::ThreadSafeFunction::New(env, options.Get("onEvent").As<Napi::Function>(),
                                          "holdfast attachment", 0, 1);
  ended_ = std::move(ended);
  Attachment::Options native;
  native.pollNanoseconds = options.Get("pollMicroseconds").As<Napi::Number>().Int64Value() * 1000;
  native.admitted = options.Get("admitted").As<Napi::Boolean>();
  native.migratable = options.Get("migratable").As<Napi::Boolean>();
  native.standsStill = inherits;
  native.disconnectionIsHeard = mailbox_ != nullptr;
  native.onEvent = [this](AttachmentEvent event) {
    auto* owned = new AttachmentEvent(std::move(event));
    const auto deliver = [this](Napi::Env target, Napi::Function listener,
                                AttachmentEvent* delivered) {
      const std::unique_ptr<AttachmentEvent> guard(delivered);
      deliverEvent(target, listener, *guard);
    };
    if (events_.NonBlockingCall(owned, deliver) != napi_ok) delete owned;
  };
  auto attachment = Attachment::start(std::move(model), std::move(*source), std::move(native),
                                      std::move(inherited->session));
  if (!attachment) {
    events_.Release();
    closeMailbox();
    throwError(env, attachment.error());
    return false;
  }
  attachment_ = std::move(*attachment);
  return true;
}

void AttachmentHandle::deliverMessages(Napi::Env env, const Napi::Function& listener) {
  if (!mailbox_) return;
  const std::vector<MailboxMessage> messages = mailbox_->take();
  if (messages.empty()) return;
  listener.Call({toValue(env, messages)});
  raiseUncaught(env);
}

void AttachmentHandle::deliverEvent(Napi::Env env, const Napi::Function& listener,
                                    const AttachmentEvent& event) {
  const bool isEnd = event.kind == AttachmentEvent::Kind::kEnded;
  if (isEnd) {
    attachment_.reset();  // its thread is past its last line: joins at once
    closeMailbox();
    events_.Release();
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("type", typeName(event.kind));
  object.Set(event.kind == AttachmentEvent::Kind::kWarning ? "message" : "reason", event.text);
  object.Set("demand", static_cast<double>(event.demand));
  if (event.state) object.Set("state", toValue(env, std::move(*event.state)));
  listener.Call({object});
  raiseUncaught(env);
  if (attachment_ && event.kind == AttachmentEvent::Kind::kDisconnected)
    attachment_->heardOfDisconnection();
  if (!isEnd) return;
  for (const Napi::Promise::Deferred& waiter : stopWaiters_) waiter.Resolve(env.Undefined());
  stopWaiters_.clear();
  ended_();
}

void AttachmentHandle::closeMailbox() {
  if (!mailbox_) return;
  mailbox_.reset();
  // Calls that are queued would come when this is gone.
  messages_.Abort();
}

Napi::Value AttachmentHandle::stop(Napi::Env env) {
  const Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
  if (attachment_) {
    stopWaiters_.push_back(deferred);
    attachment_->requestStop();
  } else {
    deferred.Resolve(env.Undefined());
  }
  return deferred.Promise();
}

Napi::Value AttachmentHandle::admit(const Napi::CallbackInfo& info) {
  const auto demand = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  return Napi::Boolean::New(info.Env(), attachment_ && attachment_->admit(demand));
}

Napi::Value AttachmentHandle::withdraw(Napi::Env env) {
  return Napi::Boolean::New(env, !attachment_ || attachment_->withdraw());
}

void AttachmentHandle::standStill(const Napi::CallbackInfo& info) {
  const auto demand = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  if (attachment_) attachment_->standStill(demand);
}

void AttachmentHandle::resume() {
  if (attachment_) attachment_->resume();
}

Napi::Value AttachmentHandle::inFlight(Napi::Env env) const {
  return Napi::Number::New(env, attachment_ ? static_cast<double>(attachment_->inFlight()) : 0);
}

Napi::Value AttachmentHandle::stats(Napi::Env env) const {
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

Napi::Value AttachmentHandle::complete(const Napi::CallbackInfo& info) {
  const auto token = static_cast<MailboxToken>(info[0].As<Napi::Number>().Int64Value());
  const bool waited = mailbox_ && mailbox_->complete(token, replyFrom(info[1]));
  return Napi::Boolean::New(info.Env(), waited);
}

}  // namespace holdfast::js
