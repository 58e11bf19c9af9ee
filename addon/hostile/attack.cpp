#include "hostile/attack.h"

#include <cerrno>

namespace holdfast::hostile {

Status refused(const Status& outcome) {
  if (outcome) return Error{EPROTO, "it was accepted"};
  const int code = outcome.error().code;
  return code == EREMOTEIO || code == ECONNRESET || code == EPIPE ? Status() : outcome;
}

Status hangsUp(Guest& guest) {
  for (;;) {
    const auto message = guest.connection().socket().receive();
    if (message) continue;
    const int code = message.error().code;
    return code == ECONNRESET || code == EPIPE ? Status() : message.error();
  }
}

}  // namespace holdfast::hostile
