#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace holdfast::sandbox {

/// Whose system calls a filter is for.
enum class Confined {
  /// Everything: Node.js itself, lanes, what opens devices.
  kProcess,
  /// The same for a process that has to start others.
  kProcessWithChildren,
  /// The thread that reads a front end's messages, and what it starts the others from.
  kControlThread,
  /// A thread that serves rings, and its blocking lane: what a guest's requests reach.
  kQueueThread,
};

/// What one argument must be for the call to be let through: `(argument & mask) == value`.
struct ArgumentRule {
  unsigned index;
  uint64_t mask;
  uint64_t value;
};

/// A system call that is let through; listed more than once it is let through by any of its rules.
struct SyscallRule {
  const char* name;
  std::optional<ArgumentRule> argument = std::nullopt;
};

/// All others end with ENOSYS, as if the kernel had none of them.
std::span<const SyscallRule> rulesFor(Confined confined);

}  // namespace holdfast::sandbox
