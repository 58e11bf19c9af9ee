#include "core/sandbox/sandbox.h"

#include <seccomp.h>

#include <atomic>
#include <cerrno>
#include <memory>

namespace holdfast::sandbox {
namespace {

/// A binary tree of numbers: dozens of comparisons for each call otherwise.
constexpr uint32_t kBinaryTree = 2;

std::atomic<bool> processConfined{false};

struct Release {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

Status addRule(void* filter, const SyscallRule& rule) {
  const int number = ::seccomp_syscall_resolve_name(rule.name);
  if (number < 0) return {};  // this architecture has no such call
  int error;
  if (rule.argument) {
    const auto& [index, mask, value] = *rule.argument;
    const scmp_arg_cmp comparison{index, SCMP_CMP_MASKED_EQ, mask, value};
    error = ::seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &comparison);
  } else {
    error = ::seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 0, nullptr);
  }
  // Another rule lets it through whatever its arguments are.
  if (error == 0 || error == -EEXIST) return {};
  return systemError(std::string("seccomp rule for ") + rule.name, -error);
}

/// @param allThreads of the process, or the calling one only
Status load(Confined confined, bool allThreads) {
  const Filter filter(::seccomp_init(SCMP_ACT_ERRNO(ENOSYS)));
  if (!filter) return systemError("seccomp_init", ENOMEM);
  (void)::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, kBinaryTree);
  // Threads have inherited it.
  (void)::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_NNP, allThreads ? 1 : 0);
  if (allThreads) {
    if (const int error = ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); error != 0)
      return systemError("this kernel confines no threads that run (seccomp TSYNC)", -error);
  }
  for (const SyscallRule& rule : rulesFor(confined))
    if (Status added = addRule(filter.get(), rule); !added) return added;
  const int error = ::seccomp_load(filter.get());
  return error == 0 ? Status() : systemError("seccomp_load", -error);
}

}  // namespace

Status confineProcess(Confined confined) {
  Status loaded = load(confined, true);
  if (loaded) processConfined = true;
  return loaded;
}

Status confineThread(Confined confined) {
  return processConfined ? load(confined, false) : Status();
}

}  // namespace holdfast::sandbox
