#include "napi/sandbox_functions.h"

#include "core/sandbox/sandbox.h"
#include "napi/js_error.h"

namespace holdfast::js {

void confine(const Napi::CallbackInfo& info) {
  using sandbox::Confined;
  const Napi::Object options = info[0].As<Napi::Object>();
  const bool startsProcesses = options.Get("startsProcesses").As<Napi::Boolean>();
  const Status confined = sandbox::confineProcess(startsProcesses ? Confined::kProcessWithChildren
                                                                  : Confined::kProcess);
  if (!confined) throwError(info.Env(), confined.error());
}

}  // namespace holdfast::js
