#pragma once

#include <span>

#include "script.h"

namespace holdfast::sessions {

/// What a front end says, by a name of its own.
struct Session {
  const char* name;
  void (*run)(Script& script);
};

struct SessionGroup {
  const char* name;
  std::span<const Session> sessions;
};

extern const SessionGroup kFrontEnds;
extern const SessionGroup kRings;
extern const SessionGroup kRequests;
extern const SessionGroup kFlawedChains;
extern const SessionGroup kFlawedMessages;
extern const SessionGroup kFlawedRings;
extern const SessionGroup kMemory;
extern const SessionGroup kSharedFiles;

}  // namespace holdfast::sessions
