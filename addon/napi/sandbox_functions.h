#pragma once

#include <napi.h>

namespace holdfast::js {

/// `confine` of addon.ts.
void confine(const Napi::CallbackInfo& info);

}  // namespace holdfast::js
