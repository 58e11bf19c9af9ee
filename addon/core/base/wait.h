#pragma once

namespace holdfast {

enum class WaitResult { kReady, kStopped, kTimeout };

inline constexpr int kNoTimeout = -1;

/// Waits until `fd` has one of the poll(2) `events` (or an error or hang-up, which reading or
/// writing then reports), or `stopFd` is readable. Stop wins where both are so. `stopFd` isn't
/// drained, so every later wait ends at once too.
/// `timeoutMs`: milliseconds, 0 to look without waiting, or kNoTimeout.
WaitResult waitFor(int fd, short events, int stopFd, int timeoutMs = kNoTimeout);

}  // namespace holdfast
