#include "core/base/status.h"

#include <cstring>

namespace holdfast {

Error systemError(std::string what, int code) {
  char buffer[128];
  return Error{code, std::move(what) + ": " + strerror_r(code, buffer, sizeof buffer)};
}

}  // namespace holdfast
