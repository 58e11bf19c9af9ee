#pragma once

#include <napi.h>

#include "core/base/status.h"

namespace holdfast::js {

/// A JavaScript Error with `code` (an errno name) and the message.
Napi::Error errorFrom(Napi::Env env, const Error& error);

/// Throws it into `env`.
void throwError(Napi::Env env, const Error& error);

/// Makes what JavaScript threw into a call of ours the process' uncaught exception; of what a
/// thread-safe function leaves pending Node itself would only warn (DEP0168).
void raiseUncaught(Napi::Env env);

}  // namespace holdfast::js
