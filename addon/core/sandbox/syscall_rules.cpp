#include "core/sandbox/syscall_rules.h"

#include <linux/fs.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <initializer_list>
#include <vector>

namespace holdfast::sandbox {
namespace {

using Rules = std::vector<SyscallRule>;

constexpr uint64_t kAll = ~uint64_t{0};

constexpr ArgumentRule equals(unsigned index, uint64_t value) {
  return {index, kAll, value};
}

constexpr ArgumentRule without(unsigned index, uint64_t bits) {
  return {index, bits, 0};
}

constexpr ArgumentRule with(unsigned index, uint64_t bits) {
  return {index, bits, bits};
}

/// Requests to the kernel have 32 bits; the C library may extend them by their sign.
constexpr ArgumentRule request(uint64_t number) {
  return {1, 0xffffffff, number};
}

Rules operator+(Rules left, const Rules& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// Memory that is never executed, other threads, time, signals of one's own.
const Rules& threadRules() {
  static const Rules rules = {
      {"brk"},
      {"mmap", without(2, PROT_EXEC)},
      {"mprotect", without(2, PROT_EXEC)},
      {"mremap"},
      {"munmap"},
      {"madvise"},
      {"futex"},
      {"set_robust_list"},
      {"rseq"},
      {"membarrier"},
      // clone3 hides its flags in memory; without it the C library falls back to clone.
      {"clone", with(0, CLONE_VM | CLONE_THREAD)},
      {"prctl", equals(0, PR_SET_NAME)},
      // To be confined further.
      {"seccomp"},
      {"sched_yield"},
      {"sched_getaffinity"},
      {"clock_gettime"},
      {"clock_getres"},
      {"clock_nanosleep"},
      {"nanosleep"},
      {"gettimeofday"},
      {"getrandom"},
      {"gettid"},
      {"getpid"},
      {"tgkill", equals(0, static_cast<uint64_t>(::getpid()))},
      {"rt_sigaction"},
      {"rt_sigprocmask"},
      {"rt_sigpending"},
      {"rt_sigtimedwait"},
      {"rt_sigreturn"},
      {"sigaltstack"},
      {"restart_syscall"},
      {"exit"},
      {"exit_group"},
  };
  return rules;
}

/// Descriptors that are there already: events, timers, the disk. No opening.
const Rules& descriptorRules() {
  static const Rules rules = {
      {"read"},           {"write"},           {"close"},      {"poll"},        {"ppoll"},
      {"epoll_create1"},  {"epoll_ctl"},       {"epoll_wait"}, {"epoll_pwait"}, {"eventfd2"},
      {"timerfd_create"}, {"timerfd_settime"}, {"fstat"},      {"fstatfs"},     {"newfstatat"},
      {"statx"},          {"lseek"},           {"fcntl"},
  };
  return rules;
}

/// What the engines do to the disk.
const Rules& diskRules() {
  static const Rules rules = {
      {"preadv"},
      {"preadv2"},
      {"pwritev"},
      {"pwritev2"},
      {"pread64"},
      {"pwrite64"},
      {"fsync"},
      {"fdatasync"},
      {"fallocate"},
      {"ioctl", request(BLKDISCARD)},
      {"ioctl", request(BLKZEROOUT)},
      {"ioctl", request(BLKGETSIZE64)},
      {"io_uring_enter"},
      {"io_uring_register"},
      {"io_setup"},
      {"io_submit"},
      {"io_getevents"},
      {"io_pgetevents"},
      {"io_destroy"},
  };
  return rules;
}

/// A new ring, which can do no more than its restrictions let it (uring_engine.cpp).
const Rules& ringSetupRules() {
  static const Rules rules = {{"io_uring_setup"}};
  return rules;
}

const Rules& frontEndRules() {
  static const Rules rules = {
      {"accept4"},
      {"recvmsg"},
      {"sendmsg"},
      {"sendto"},
      {"getsockopt"},
      {"getsockname"},
      {"socket", equals(0, AF_UNIX)},
      {"connect"},
      {"memfd_create"},
      {"ftruncate"},
  };
  return rules;
}

/// What V8, libuv and Node.js need beyond the above, and what opens and locks devices. Calls by
/// which a process becomes another, leaves its namespaces or changes the kernel are not here.
const Rules& nodeRules() {
  static const Rules rules = {
      {"mmap"},
      {"mprotect"},
      {"pkey_alloc"},
      {"pkey_free"},
      {"pkey_mprotect"},
      {"mincore"},
      {"msync"},
      {"mlock"},
      {"munlock"},
      {"get_robust_list"},
      {"set_tid_address"},
      {"arch_prctl"},
      {"prctl"},
      {"prlimit64"},
      {"getrlimit"},
      {"getrusage"},
      {"sysinfo"},
      {"uname"},
      {"times"},
      {"clock_nanosleep"},
      {"sched_setaffinity"},
      {"sched_getparam"},
      {"sched_getscheduler"},
      {"sched_getattr"},
      {"sched_setattr"},
      {"getpriority"},
      {"getcpu"},
      {"getuid"},
      {"geteuid"},
      {"getgid"},
      {"getegid"},
      {"getresuid"},
      {"getresgid"},
      {"getgroups"},
      {"capget"},
      {"getppid"},
      {"getpgrp"},
      {"getpgid"},
      {"getsid"},
      {"umask"},
      {"kill"},
      {"tkill"},
      {"tgkill"},
      {"rt_sigsuspend"},
      {"rt_sigqueueinfo"},
      {"pause"},
      {"alarm"},
      {"setitimer"},
      {"readv"},
      {"writev"},
      {"pipe2"},
      {"dup"},
      {"dup2"},
      {"dup3"},
      {"close_range"},
      {"select"},
      {"pselect6"},
      {"epoll_pwait2"},
      {"inotify_init1"},
      {"inotify_add_watch"},
      {"inotify_rm_watch"},
      {"signalfd4"},
      {"timerfd_gettime"},
      {"pidfd_open"},
      {"ioctl"},
      {"flock"},
      {"open"},
      {"openat"},
      {"openat2"},
      {"creat"},
      {"access"},
      {"faccessat"},
      {"faccessat2"},
      {"stat"},
      {"lstat"},
      {"statfs"},
      {"fstatfs"},
      {"getdents64"},
      {"getcwd"},
      {"chdir"},
      {"fchdir"},
      {"readlink"},
      {"readlinkat"},
      {"rename"},
      {"renameat"},
      {"renameat2"},
      {"link"},
      {"linkat"},
      {"unlink"},
      {"unlinkat"},
      {"mkdir"},
      {"mkdirat"},
      {"rmdir"},
      {"symlinkat"},
      {"chmod"},
      {"fchmod"},
      {"fchmodat"},
      {"truncate"},
      {"sync_file_range"},
      {"fadvise64"},
      {"copy_file_range"},
      {"sendfile"},
      {"utimensat"},
      {"getxattr"},
      {"fgetxattr"},
      {"accept"},
      {"bind"},
      {"listen"},
      {"shutdown"},
      {"socketpair"},
      {"setsockopt"},
      {"getpeername"},
      {"recvfrom"},
      {"recvmmsg"},
      {"sendmmsg"},
  };
  return rules;
}

/// To start a process and to learn of its end.
const Rules& childRules() {
  static const Rules rules = {
      {"clone", without(0, CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                               CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)},
      {"vfork"},
      {"execve"},
      {"wait4"},
      {"waitid"},
      {"setsid"},
      {"setpgid"},
      {"setpriority"},
  };
  return rules;
}

}  // namespace

std::span<const SyscallRule> rulesFor(Confined confined) {
  static const Rules queue = threadRules() + descriptorRules() + diskRules();
  static const Rules control = queue + ringSetupRules() + frontEndRules();
  static const Rules process = control + nodeRules();
  static const Rules withChildren = process + childRules();
  switch (confined) {
    case Confined::kQueueThread:
      return queue;
    case Confined::kControlThread:
      return control;
    case Confined::kProcess:
      return process;
    case Confined::kProcessWithChildren:
      break;
  }
  return withChildren;
}

}  // namespace holdfast::sandbox
