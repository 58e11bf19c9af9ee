#include "napi/disk_object.h"

#include <cerrno>

#include "napi/addon_data.h"
#include "napi/attachment_object.h"
#include "napi/js_error.h"

namespace holdfast::js {
namespace {

constexpr std::pair<EngineKind, const char*> kEngineNames[] = {{EngineKind::kIoUring, "io_uring"},
                                                               {EngineKind::kLibaio, "libaio"},
                                                               {EngineKind::kSync, "sync"}};

const char* nameOf(EngineKind kind) {
  for (const auto& [known, name] : kEngineNames)
    if (known == kind) return name;
  return "";
}

}  // namespace

Napi::Function DiskObject::define(Napi::Env env) {
  return DefineClass(
      env, "NativeDisk",
      {InstanceMethod<&DiskObject::info>("info"),
       InstanceMethod<&DiskObject::refreshSize>("refreshSize"),
       InstanceMethod<&DiskObject::attach>("attach"), InstanceMethod<&DiskObject::close>("close")});
}

Napi::Value DiskObject::open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object given = info[0].As<Napi::Object>();
  Disk::Options options;
  options.fd = UniqueFd(given.Get("fd").As<Napi::Number>().Int32Value());
  options.path = given.Get("path").As<Napi::String>();
  options.readOnly = given.Get("readOnly").As<Napi::Boolean>();
  options.serial = given.Get("serial").As<Napi::String>();
  options.blockSize = given.Get("blockSize").As<Napi::Number>().Uint32Value();
  const std::string engine = given.Get("engine").As<Napi::String>();
  for (const auto& [kind, name] : kEngineNames) {
    if (engine != name) continue;
    options.anyEngine = false;
    options.engine = kind;
  }
  auto disk = Disk::open(std::move(options));
  if (!disk) {
    throwError(env, disk.error());
    return {};
  }
  const Napi::Object object = env.GetInstanceData<AddonData>()->diskClass.New({});
  DiskObject& self = *Unwrap(object);
  self.disk_ = std::move(*disk);
  if (const Napi::Value listener = given.Get("onResize"); listener.IsFunction()) {
    self.resized_ =
        Napi::ThreadSafeFunction::New(env, listener.As<Napi::Function>(), "holdfast disk", 0, 1);
    self.resized_.Unref(env);
    self.disk_->addListener(self);
  }
  return object;
}

DiskObject::DiskObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

Napi::Value DiskObject::info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!isOpen(env)) return {};
  Napi::Object object = Napi::Object::New(env);
  object.Set("sizeBytes", static_cast<double>(disk_->sizeBytes().load()));
  object.Set("blockSize", disk_->blockSize());
  object.Set("physicalBlockSize", disk_->physicalBlockSize());
  object.Set("engine", nameOf(disk_->engine()));
  object.Set("engineReason", disk_->engineReason());
  object.Set("directIo", Napi::Boolean::New(env, disk_->directIo()));
  object.Set("memoryAlignment", disk_->geometry().memoryAlignment);
  object.Set("offsetAlignment", disk_->geometry().offsetAlignment);
  object.Set("discard", Napi::Boolean::New(env, disk_->discards()));
  return object;
}

Napi::Value DiskObject::refreshSize(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!isOpen(env)) return {};
  auto size = disk_->refreshSize();
  if (!size) {
    throwError(env, size.error());
    return {};
  }
  return Napi::Number::New(env, static_cast<double>(*size));
}

Napi::Value DiskObject::attach(const Napi::CallbackInfo& info) {
  if (!isOpen(info.Env())) return {};
  return AttachmentObject::start(info.Env(), disk_, info[0].As<Napi::Object>());
}

void DiskObject::close(const Napi::CallbackInfo&) {
  letGo();
}

void DiskObject::sizeChanged() {
  const auto size = static_cast<double>(disk_->sizeBytes().load());
  resized_.NonBlockingCall([size](Napi::Env env, Napi::Function listener) {
    listener.Call({Napi::Number::New(env, size)});
    raiseUncaught(env);
  });
}

void DiskObject::letGo() {
  if (disk_ && resized_) {
    disk_->removeListener(*this);
    resized_.Abort();
  }
  disk_.reset();
}

bool DiskObject::isOpen(Napi::Env env) const {
  if (!disk_) throwError(env, Error{EBADF, "the disk is closed"});
  return disk_ != nullptr;
}

}  // namespace holdfast::js
