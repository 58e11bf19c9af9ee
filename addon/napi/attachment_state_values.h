#pragma once

#include <napi.h>

#include "core/device/attachment.h"

namespace holdfast::js {

/// AttachmentState of src/native/addon.ts, which owns the descriptors from now on.
Napi::Value toValue(Napi::Env env, AttachmentState state);

/// Takes the descriptors, whatever comes of it. Error: a message is longer than any.
Result<AttachmentState> attachmentStateFrom(const Napi::Value& value);

}  // namespace holdfast::js
