#pragma once

#include <napi.h>

#include "core/base/status.h"

namespace holdfast::js {

/// A JavaScript Error with `code` (an errno name) and the message.
Napi::Error errorFrom(Napi::Env env, const Error& error);

/// Throws it into `env`.
void throwError(Napi::Env env, const Error& error);

}  // namespace holdfast::js
