#include "napi/js_error.h"

#include <cstring>

namespace holdfast::js {

Napi::Error errorFrom(Napi::Env env, const Error& error) {
  Napi::Error made = Napi::Error::New(env, error.message);
  const char* name = error.code ? ::strerrorname_np(error.code) : nullptr;
  made.Set("code", Napi::String::New(env, name ? name : "EINVAL"));
  return made;
}

void throwError(Napi::Env env, const Error& error) {
  errorFrom(env, error).ThrowAsJavaScriptException();
}

void raiseUncaught(Napi::Env env) {
  napi_value exception;
  if (env.IsExceptionPending() && napi_get_and_clear_last_exception(env, &exception) == napi_ok)
    napi_fatal_exception(env, exception);
}

}  // namespace holdfast::js
