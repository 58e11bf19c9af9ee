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

}  // namespace holdfast::js
