#include <napi.h>

#include "napi/addon_data.h"
#include "napi/attachment_object.h"
#include "napi/connect_for_fds.h"
#include "napi/connection_object.h"
#include "napi/disk_object.h"
#include "napi/fd_listener_object.h"
#include "napi/fence_object.h"
#include "napi/lane_object.h"
#include "napi/sandbox_functions.h"
#include "napi/scsi_attachment_object.h"
#include "napi/socket_hub.h"

namespace holdfast::js {
namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData{Napi::Persistent(DiskObject::define(env)),
                             Napi::Persistent(AttachmentObject::define(env)),
                             Napi::Persistent(ScsiAttachmentObject::define(env)),
                             Napi::Persistent(FenceObject::define(env)),
                             Napi::Persistent(LaneObject::define(env)),
                             Napi::Persistent(FdListenerObject::define(env)),
                             Napi::Persistent(ConnectionObject::define(env))};
  env.SetInstanceData(data);
  exports.Set("openDisk", Napi::Function::New<&DiskObject::open>(env, "openDisk"));
  exports.Set("createFence", Napi::Function::New<&FenceObject::create>(env, "createFence"));
  exports.Set("createLane", Napi::Function::New<&LaneObject::create>(env, "createLane"));
  exports.Set("attachScsi", Napi::Function::New<&ScsiAttachmentObject::start>(env, "attachScsi"));
  exports.Set("listenForFds", Napi::Function::New<&FdListenerObject::listen>(env, "listenForFds"));
  exports.Set("confine", Napi::Function::New<&confine>(env, "confine"));
  exports.Set("connectForFds", Napi::Function::New<&connectForFds>(env, "connectForFds"));
  return exports;
}

NODE_API_MODULE(holdfast, initialize)

}  // namespace
}  // namespace holdfast::js
