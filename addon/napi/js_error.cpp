#include "napi/js_error.h"

#include <cstring>

namespace holdfast::js {

void throwError(Napi::Env env, const Error& error) {
  Napi::Error thrown = Napi::Error::New(env, error.message);
  const char* name = error.code ? ::strerrorname_np(error.code) : nullptr;
  thrown.Set("code", Napi::String::New(env, name ? name : "EINVAL"));
  thrown.ThrowAsJavaScriptException();
}

}  // namespace holdfast::js
