#pragma once

#include <napi.h>

namespace holdfast::js {

/// `connectForFds(path)` of src/native/addon.ts.
Napi::Value connectForFds(const Napi::CallbackInfo& info);

}  // namespace holdfast::js
