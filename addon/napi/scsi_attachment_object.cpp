#include "napi/scsi_attachment_object.h"

#include <cerrno>
#include <utility>

#include "napi/addon_data.h"
#include "napi/disk_object.h"
#include "napi/fence_object.h"
#include "napi/js_error.h"
#include "napi/promise_from_thread.h"

namespace holdfast::js {
namespace {

struct Place {
  uint8_t target;
  uint16_t lun;
};

Place placeFrom(const Napi::Value& value) {
  const Napi::Object place = value.As<Napi::Object>();
  return {.target = static_cast<uint8_t>(place.Get("target").As<Napi::Number>().Uint32Value()),
          .lun = static_cast<uint16_t>(place.Get("lun").As<Napi::Number>().Uint32Value())};
}

scsi::BlockLimits limitsFrom(const Napi::Value& value) {
  const Napi::Object limits = value.As<Napi::Object>();
  const auto number = [&limits](const char* name) {
    return limits.Get(name).As<Napi::Number>().Int64Value();
  };
  return {.writeSameBlocks = static_cast<uint64_t>(number("writeSameBlocks")),
          .unmapBlocks = static_cast<uint64_t>(number("unmapBlocks")),
          .unmapDescriptors = static_cast<uint32_t>(number("unmapDescriptors")),
          .compareAndWriteBlocks = static_cast<uint32_t>(number("compareAndWriteBlocks"))};
}

Status addUnit(scsi::ScsiController& controller, const Napi::Value& value) {
  const Napi::Object unit = value.As<Napi::Object>();
  const Place place = placeFrom(value);
  const auto disk = DiskObject::Unwrap(unit.Get("disk").As<Napi::Object>())->disk();
  if (!disk) return Error{EBADF, "the disk is closed"};
  return controller.addUnit(
      {.target = place.target,
       .lun = place.lun,
       .disk = disk,
       .fence = FenceObject::Unwrap(unit.Get("fence").As<Napi::Object>())->fence(),
       .limits = limitsFrom(unit.Get("limits"))});
}

}  // namespace

Napi::Function ScsiAttachmentObject::define(Napi::Env env) {
  using Self = ScsiAttachmentObject;
  return DefineClass(
      env, "NativeScsiAttachment",
      {InstanceMethod<&Self::addLogicalUnit>("addLogicalUnit"),
       InstanceMethod<&Self::removeLogicalUnit>("removeLogicalUnit"),
       InstanceMethod<&Self::configureLogicalUnit>("configureLogicalUnit"),
       InstanceMethod<&Self::capacityChanged>("capacityChanged"),
       InstanceMethod<&Self::admit>("admit"), InstanceMethod<&Self::withdraw>("withdraw"),
       InstanceMethod<&Self::standStill>("standStill"), InstanceMethod<&Self::resume>("resume"),
       InstanceMethod<&Self::stop>("stop"), InstanceMethod<&Self::inFlight>("inFlight"),
       InstanceMethod<&Self::stats>("stats"), InstanceMethod<&Self::complete>("complete")});
}

Napi::Value ScsiAttachmentObject::start(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = info[0].As<Napi::Object>();
  const Napi::Object object = env.GetInstanceData<AddonData>()->scsiAttachmentClass.New({});
  ScsiAttachmentObject& self = *Unwrap(object);
  self.handle_.openMailbox(env, options);
  const uint32_t queues = options.Get("numQueues").As<Napi::Number>().Uint32Value();
  auto model = std::make_unique<scsi::ScsiController>(
      scsi::ScsiOptions{.requestQueueCount = static_cast<uint16_t>(queues),
                        .config = options.Get("configSpace").As<Napi::Boolean>()},
      *self.handle_.mailbox());
  scsi::ScsiController& controller = *model;
  // Before the first guest can look.
  const Napi::Array units = options.Get("logicalUnits").As<Napi::Array>();
  for (uint32_t i = 0; i < units.Length(); ++i) {
    if (Status added = addUnit(controller, units.Get(i)); !added) {
      model.reset();
      self.handle_.closeMailbox();
      throwError(env, added.error());
      return {};
    }
  }
  const auto ended = [&self] {
    self.controller_ = nullptr;
    self.Unref();
  };
  if (!self.handle_.start(env, options, std::move(model), ended)) return {};
  self.controller_ = &controller;
  self.Ref();  // until the end: native threads call back into this object
  return object;
}

void ScsiAttachmentObject::addLogicalUnit(const Napi::CallbackInfo& info) {
  if (!isRunning(info.Env())) return;
  if (Status added = addUnit(*controller_, info[0]); !added) throwError(info.Env(), added.error());
}

Napi::Value ScsiAttachmentObject::removeLogicalUnit(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!isRunning(env)) return {};
  const Place place = placeFrom(info[0]);
  const PromiseFromThread promise(env, "holdfast logical unit");
  const std::function<void()> released = promise.resolver();
  if (Status removed = controller_->removeUnit(place.target, place.lun, released); !removed) {
    released();
    throwError(env, removed.error());
    return {};
  }
  return promise.value();
}

void ScsiAttachmentObject::configureLogicalUnit(const Napi::CallbackInfo& info) {
  if (!isRunning(info.Env())) return;
  const Place place = placeFrom(info[0]);
  const Napi::Object given = info[1].As<Napi::Object>();
  const scsi::UnitSettings settings{
      .descriptorSense = given.Get("descriptorSense").As<Napi::Boolean>(),
      .softwareWriteProtect = given.Get("softwareWriteProtect").As<Napi::Boolean>()};
  if (Status done = controller_->configureUnit(place.target, place.lun, settings); !done)
    throwError(info.Env(), done.error());
}

void ScsiAttachmentObject::capacityChanged(const Napi::CallbackInfo& info) {
  if (!isRunning(info.Env())) return;
  const Place place = placeFrom(info[0]);
  if (Status told = controller_->capacityChanged(place.target, place.lun); !told)
    throwError(info.Env(), told.error());
}

bool ScsiAttachmentObject::isRunning(Napi::Env env) const {
  if (!controller_) throwError(env, Error{ESHUTDOWN, "the attachment has ended"});
  return controller_ != nullptr;
}

}  // namespace holdfast::js
