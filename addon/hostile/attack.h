#pragma once

#include <span>

#include "core/base/status.h"
#include "hostile/guest.h"

namespace holdfast::hostile {

/// One way to harm a back end, and what it has to make of that.
struct Attack {
  const char* name;
  /// Error: the back end did something else. What was begun goes on while `guest` lives.
  Status (*run)(Guest& guest);
};

/// On the messages themselves.
std::span<const Attack> messageAttacks();
/// On what messages share: memory, logs, inflight regions.
std::span<const Attack> memoryAttacks();
/// On rings, and on the moment at which messages come.
std::span<const Attack> ringAttacks();

/// OK if a message was refused, or ended the connection.
Status refused(const Status& outcome);
/// OK if it ends the connection now; replies to what came before may be on their way.
Status hangsUp(Guest& guest);

}  // namespace holdfast::hostile
