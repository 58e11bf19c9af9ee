#pragma once

#include <napi.h>

#include "core/base/status.h"

namespace holdfast::js {

/// Throws a JavaScript Error with `code` (an errno name) and the message, into `env`.
void throwError(Napi::Env env, const Error& error);

}  // namespace holdfast::js
