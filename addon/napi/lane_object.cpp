#include "napi/lane_object.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "core/lane/device_calls.h"
#include "napi/addon_data.h"
#include "napi/js_error.h"

namespace holdfast::js {
namespace {

IoctlCall::Bytes copyOf(const Napi::Uint8Array& array) {
  const auto* begin = reinterpret_cast<const std::byte*>(array.Data());
  return {begin, begin + array.ByteLength()};
}

void copyBack(const IoctlCall::Bytes& bytes, Napi::Uint8Array array) {
  // It is empty if JavaScript gave its memory away meanwhile.
  const size_t size = std::min(bytes.size(), array.ByteLength());
  std::copy_n(bytes.data(), size, reinterpret_cast<std::byte*>(array.Data()));
}

std::string nameOf(const IoctlCall& call) {
  char name[64];
  std::snprintf(name, sizeof name, "ioctl 0x%lx on file descriptor %d", call.request(), call.fd());
  return name;
}

}  // namespace

Napi::Function LaneObject::define(Napi::Env env) {
  return DefineClass(
      env, "NativeLane",
      {InstanceMethod<&LaneObject::open>("open"), InstanceMethod<&LaneObject::ioctl>("ioctl"),
       InstanceMethod<&LaneObject::close>("close"), InstanceMethod<&LaneObject::end>("end")});
}

Napi::Value LaneObject::create(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<AddonData>()->laneClass.New({});
}

LaneObject::LaneObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info),
      returns_(std::make_shared<Returns>()),
      lane_([returns = returns_](std::unique_ptr<LaneCall> call) {
        const std::lock_guard lock(returns->mutex);
        returns->calls.push_back(std::move(call));
        returns->door->knock();
      }) {
  returns_->door = std::make_unique<ThreadDoor>(info.Env(), "holdfast lane",
                                                [this](Napi::Env env) { settleReturned(env); });
}

LaneObject::~LaneObject() {
  returns_->door->close();
}

Napi::Value LaneObject::open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto call = std::make_unique<OpenCall>(info[0].As<Napi::String>(),
                                         info[1].As<Napi::Number>().Int32Value());
  return submit(env, {Napi::Promise::Deferred::New(env), settleOpen}, std::move(call));
}

Napi::Value LaneObject::ioctl(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto argument = info[2].As<Napi::Uint8Array>();
  const auto given = info[3].As<Napi::Array>();
  Pending pending{Napi::Promise::Deferred::New(env), settleIoctl};
  pending.memory.push_back(Napi::Persistent(argument));
  std::vector<IoctlCall::Pointer> pointers;
  for (uint32_t i = 0; i < given.Length(); ++i) {
    const Napi::Object pointer = Napi::Value(given.Get(i)).As<Napi::Object>();
    const auto buffer = pointer.Get("buffer").As<Napi::Uint8Array>();
    const auto offset = pointer.Get("offset").As<Napi::Number>().Int64Value();
    const auto end = static_cast<int64_t>(argument.ByteLength() - sizeof(uint64_t));
    if (offset < 0 || offset > end) {
      pending.deferred.Reject(
          errorFrom(env, Error{EINVAL, "a pointer lies outside the ioctl's argument"}).Value());
      return pending.deferred.Promise();
    }
    pending.memory.push_back(Napi::Persistent(buffer));
    pointers.push_back({static_cast<size_t>(offset), copyOf(buffer)});
  }
  auto call = std::make_unique<IoctlCall>(
      info[0].As<Napi::Number>().Int32Value(),
      static_cast<unsigned long>(info[1].As<Napi::Number>().Int64Value()), copyOf(argument),
      std::move(pointers));
  return submit(env, std::move(pending), std::move(call));
}

Napi::Value LaneObject::close(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto call = std::make_unique<CloseCall>(info[0].As<Napi::Number>().Int32Value());
  return submit(env, {Napi::Promise::Deferred::New(env), settleClose}, std::move(call));
}

void LaneObject::end(const Napi::CallbackInfo& info) {
  ended_ = true;
  lane_.end();
  returns_->door->unref(info.Env());
}

Napi::Value LaneObject::submit(Napi::Env env, Pending pending, std::unique_ptr<LaneCall> call) {
  const Napi::Promise::Deferred deferred = pending.deferred;
  if (Status taken = lane_.submit(std::move(call)); !taken) {
    deferred.Reject(errorFrom(env, taken.error()).Value());
    return deferred.Promise();
  }
  if (pending_.empty()) {
    Ref();
    returns_->door->ref(env);
  }
  pending_.push_back(std::move(pending));
  return deferred.Promise();
}

void LaneObject::settleReturned(Napi::Env env) {
  std::vector<std::unique_ptr<LaneCall>> calls;
  {
    const std::lock_guard lock(returns_->mutex);
    std::swap(calls, returns_->calls);
  }
  for (const std::unique_ptr<LaneCall>& call : calls) {
    const Napi::HandleScope scope(env);
    Pending pending = std::move(pending_.front());
    pending_.pop_front();
    pending.settle(env, pending, *call);
  }
  if (calls.empty() || !pending_.empty()) return;
  if (!ended_) returns_->door->unref(env);
  Unref();
}

void LaneObject::settleOpen(Napi::Env env, Pending& pending, LaneCall& call) {
  auto& opened = static_cast<OpenCall&>(call);
  if (const int fd = opened.take(); fd >= 0)
    return pending.deferred.Resolve(Napi::Value::From(env, fd));
  pending.deferred.Reject(errorFrom(env, systemError(opened.path(), -opened.result())).Value());
}

void LaneObject::settleIoctl(Napi::Env env, Pending& pending, LaneCall& call) {
  const auto& done = static_cast<const IoctlCall&>(call);
  copyBack(done.argument(), pending.memory[0].Value());
  for (size_t i = 0; i < done.pointers().size(); ++i)
    copyBack(done.pointers()[i].buffer, pending.memory[i + 1].Value());
  if (done.result() >= 0) return pending.deferred.Resolve(Napi::Value::From(env, done.result()));
  pending.deferred.Reject(errorFrom(env, systemError(nameOf(done), -done.result())).Value());
}

void LaneObject::settleClose(Napi::Env env, Pending& pending, LaneCall& call) {
  const auto& closed = static_cast<const CloseCall&>(call);
  if (closed.result() == 0) return pending.deferred.Resolve(env.Undefined());
  const std::string name = "close of file descriptor " + std::to_string(closed.fd());
  pending.deferred.Reject(errorFrom(env, systemError(name, -closed.result())).Value());
}

}  // namespace holdfast::js
