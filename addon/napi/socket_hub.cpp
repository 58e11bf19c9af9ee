#include "napi/socket_hub.h"

#include <utility>

#include "napi/addon_data.h"
#include "napi/js_error.h"

namespace holdfast::js {

std::shared_ptr<SocketHub> SocketHub::of(Napi::Env env) {
  std::shared_ptr<SocketHub>& hub = env.GetInstanceData<AddonData>()->sockets;
  if (hub) return hub;
  auto made = std::make_shared<SocketHub>(env);
  auto loop = ReadinessLoop::start([door = &made->door_] { door->knock(); });
  if (!loop) {
    throwError(env, loop.error());
    return nullptr;
  }
  made->loop_ = std::move(*loop);
  return hub = std::move(made);
}

SocketHub::SocketHub(Napi::Env env)
    : door_(env, "holdfast sockets", [this](Napi::Env target) { dispatch(target); }) {}

uint64_t SocketHub::add(Napi::Env env, Owner& owner) {
  if (owners_.empty()) door_.ref(env);
  owners_.emplace(nextId_, &owner);
  return nextId_++;
}

void SocketHub::remove(Napi::Env env, uint64_t id) {
  owners_.erase(id);
  if (owners_.empty()) door_.unref(env);
}

void SocketHub::call(uint64_t id) {
  waiting_.push_back({id, 0});
  door_.knock();
}

void SocketHub::close(UniqueFd socket, uint64_t id) {
  loop_->forget(socket.get(), id);
  disposal_.add(std::move(socket));
}

void SocketHub::dispatch(Napi::Env env) {
  for (const ReadinessLoop::Ready& ready : loop_->take()) waiting_.push_back(ready);
  while (!waiting_.empty()) {
    const ReadinessLoop::Ready ready = waiting_.front();
    waiting_.pop_front();
    const auto owner = owners_.find(ready.id);
    if (owner == owners_.end()) continue;
    const Napi::HandleScope scope(env);
    owner->second->ready(env, ready.events);
    if (!env.IsExceptionPending()) continue;
    // It goes to the process' handler first; if that lets the process live, the rest comes.
    door_.knock();
    return;
  }
}

}  // namespace holdfast::js
