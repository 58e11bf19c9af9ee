#include "napi/connect_for_fds.h"

#include <memory>
#include <mutex>
#include <utility>

#include "core/socket/connect_call.h"
#include "napi/connection_object.h"
#include "napi/js_error.h"
#include "napi/socket_hub.h"
#include "napi/thread_door.h"

namespace holdfast::js {
namespace {

/// What the lane's thread leaves for JavaScript's.
struct Answer {
  std::mutex mutex;
  std::unique_ptr<LaneCall> call;
  std::unique_ptr<ThreadDoor> door;

  ConnectCall& connect() {
    const std::lock_guard lock(mutex);
    return static_cast<ConnectCall&>(*call);
  }
};

void settle(Napi::Env env, const Napi::Promise::Deferred& deferred, ConnectCall& call) {
  if (call.result() != 0) {
    const std::string what = std::string("cannot connect to ") + call.path();
    return deferred.Reject(errorFrom(env, systemError(what, -call.result())).Value());
  }
  auto hub = SocketHub::of(env);
  if (!hub) return deferred.Reject(env.GetAndClearPendingException().Value());
  deferred.Resolve(ConnectionObject::make(env, std::move(hub), call.take()));
}

}  // namespace

Napi::Value connectForFds(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto deferred = Napi::Promise::Deferred::New(env);
  const auto refuse = [&](const Error& error) {
    deferred.Reject(errorFrom(env, error).Value());
    return deferred.Promise();
  };
  const auto address = SocketAddress::of(info[0].As<Napi::String>());
  if (!address) return refuse(address.error());

  const auto answer = std::make_shared<Answer>();
  auto lane = std::make_shared<Lane>([answer](std::unique_ptr<LaneCall> call) {
    const std::lock_guard lock(answer->mutex);
    answer->call = std::move(call);
    answer->door->knock();
  });
  // The lane keeps the answer, the door the lane, and closing the door ends it all.
  answer->door = std::make_unique<ThreadDoor>(
      env, "holdfast connect", [deferred, lane, place = answer.get()](Napi::Env target) {
        settle(target, deferred, place->connect());
        place->door->close();
      });
  answer->door->ref(env);
  if (Status taken = lane->submit(std::make_unique<ConnectCall>(*address)); !taken) {
    answer->door->close();
    return refuse(taken.error());
  }
  return deferred.Promise();
}

}  // namespace holdfast::js
