#pragma once

#include <napi.h>

namespace holdfast::js {

/// The constructors of one JavaScript environment.
struct AddonData {
  Napi::FunctionReference diskClass;
  Napi::FunctionReference attachmentClass;
  Napi::FunctionReference scsiAttachmentClass;
  Napi::FunctionReference fenceClass;
  Napi::FunctionReference laneClass;
};

}  // namespace holdfast::js
