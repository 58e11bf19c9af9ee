#include "napi/attachment_object.h"

#include <utility>

#include "core/blk/blk_device.h"
#include "napi/addon_data.h"
#include "napi/fence_object.h"

namespace holdfast::js {
namespace {

blk::BlkOptions blkOptions(const Napi::Object& options, Mailbox* mailbox) {
  const uint32_t queues = options.Get("numQueues").As<Napi::Number>().Uint32Value();
  blk::BlkOptions native{.queueCount = static_cast<uint16_t>(queues),
                         .configWce = options.Get("configWce").As<Napi::Boolean>(),
                         .mailbox = mailbox};
  if (const Napi::Value fence = options.Get("fence"); fence.IsObject())
    native.fence = FenceObject::Unwrap(fence.As<Napi::Object>())->fence();
  return native;
}

}  // namespace

Napi::Function AttachmentObject::define(Napi::Env env) {
  return DefineClass(env, "NativeAttachment",
                     {InstanceMethod<&AttachmentObject::stop>("stop"),
                      InstanceMethod<&AttachmentObject::admit>("admit"),
                      InstanceMethod<&AttachmentObject::withdraw>("withdraw"),
                      InstanceMethod<&AttachmentObject::standStill>("standStill"),
                      InstanceMethod<&AttachmentObject::resume>("resume"),
                      InstanceMethod<&AttachmentObject::inFlight>("inFlight"),
                      InstanceMethod<&AttachmentObject::stats>("stats"),
                      InstanceMethod<&AttachmentObject::complete>("complete")});
}

Napi::Value AttachmentObject::start(Napi::Env env, std::shared_ptr<Disk> disk,
                                    Napi::Object options) {
  const Napi::Object object = env.GetInstanceData<AddonData>()->attachmentClass.New({});
  AttachmentObject& self = *Unwrap(object);
  self.disk_ = std::move(disk);
  self.handle_.openMailbox(env, options);
  auto model =
      std::make_unique<blk::BlkDevice>(blkOptions(options, self.handle_.mailbox()), *self.disk_);
  const auto ended = [&self] {
    self.disk_.reset();
    self.Unref();
  };
  if (!self.handle_.start(env, options, std::move(model), ended)) return {};
  self.Ref();  // until the end: native threads call back into this object
  return object;
}

}  // namespace holdfast::js
