#pragma once

#include <napi.h>

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "core/lane/lane.h"
#include "napi/thread_door.h"

namespace holdfast::js {

/// NativeLane of src/native/addon.ts.
class LaneObject : public Napi::ObjectWrap<LaneObject> {
 public:
  static Napi::Function define(Napi::Env env);
  /// `createLane()`.
  static Napi::Value create(const Napi::CallbackInfo& info);

  explicit LaneObject(const Napi::CallbackInfo& info);
  ~LaneObject() override;

 private:
  /// Calls that the lane gave back, on their way to JavaScript.
  struct Returns {
    std::mutex mutex;
    std::vector<std::unique_ptr<LaneCall>> calls;
    std::unique_ptr<ThreadDoor> door;
  };

  /// A promise of JavaScript's. Calls come back in the order in which they were made.
  struct Pending {
    Napi::Promise::Deferred deferred;
    void (*settle)(Napi::Env env, Pending& pending, LaneCall& call);
    /// Where the call's memory came from and goes back to: an ioctl's argument, then its buffers.
    std::vector<Napi::Reference<Napi::Uint8Array>> memory{};
  };

  Napi::Value open(const Napi::CallbackInfo& info);
  Napi::Value ioctl(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  void end(const Napi::CallbackInfo& info);

  Napi::Value submit(Napi::Env env, Pending pending, std::unique_ptr<LaneCall> call);
  void settleReturned(Napi::Env env);

  static void settleOpen(Napi::Env env, Pending& pending, LaneCall& call);
  static void settleIoctl(Napi::Env env, Pending& pending, LaneCall& call);
  static void settleClose(Napi::Env env, Pending& pending, LaneCall& call);

  const std::shared_ptr<Returns> returns_;
  Lane lane_;
  std::deque<Pending> pending_;
  bool ended_ = false;
};

}  // namespace holdfast::js
