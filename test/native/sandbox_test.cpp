#include "core/sandbox/sandbox.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <scsi/sg.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "core/io/io_channel.h"
#include "core/virtio/virtqueue.h"

namespace holdfast::sandbox {
namespace {

/// What `probe` returns in a process that confines itself first; 100 where it can't be confined.
int confined(Confined process, const std::function<int()>& probe) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(confineProcess(process) ? probe() : 100);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// The same on a thread that is confined further.
int confinedThread(Confined thread, const std::function<int()>& probe) {
  return confined(Confined::kProcess, [&] {
    int result = 101;
    std::thread([&] { result = confineThread(thread) ? probe() : 102; }).join();
    return result;
  });
}

/// The errno of a call, or 0.
template <typename Call>
int errorOf(Call call) {
  errno = 0;
  return call() == -1 ? errno : 0;
}

std::set<std::string> namesOf(Confined confined) {
  std::set<std::string> names;
  for (const SyscallRule& rule : rulesFor(confined)) names.insert(rule.name);
  return names;
}

}  // namespace

TEST_CASE("sandbox: a confined process opens and maps, and becomes no other") {
  CHECK(confined(Confined::kProcess,
                 [] { return errorOf([] { return ::open("/dev/null", O_RDWR); }); }) == 0);
  char* const none[] = {nullptr};
  CHECK(confined(Confined::kProcess, [&] {
          return errorOf([&] { return ::execve("/bin/true", none, none); });
        }) == ENOSYS);
  CHECK(confined(Confined::kProcess, [] {
          return errorOf([] { return static_cast<int>(::syscall(SYS_unshare, 0)); });
        }) == ENOSYS);
  CHECK(confined(Confined::kProcess, [] {
          return errorOf([] { return static_cast<int>(::syscall(SYS_ptrace, 0, 0, 0, 0)); });
        }) == ENOSYS);
  CHECK(confined(Confined::kProcess, [] {
          return errorOf([] { return ::socket(AF_INET, SOCK_STREAM, 0); });
        }) == ENOSYS);
  CHECK(confined(Confined::kProcess, [] { return errorOf([] { return ::fork(); }); }) == ENOSYS);
}

TEST_CASE("sandbox: a process that starts others may, and they are confined, too") {
  CHECK(confined(Confined::kProcessWithChildren, [] {
          const pid_t child = ::fork();
          if (child == 0) ::_exit(errorOf([] { return ::socket(AF_INET, SOCK_STREAM, 0); }));
          int status = 0;
          ::waitpid(child, &status, 0);
          return WEXITSTATUS(status);
        }) == ENOSYS);
}

TEST_CASE("sandbox: a queue thread does I/O on what it has, and opens nothing") {
  const auto onQueue = [](const std::function<int()>& probe) {
    return confinedThread(Confined::kQueueThread, probe);
  };
  CHECK(onQueue([] { return errorOf([] { return ::open("/dev/null", O_RDWR); }); }) == ENOSYS);
  CHECK(onQueue([] { return errorOf([] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }); }) ==
        ENOSYS);
  CHECK(onQueue([] {
          sg_io_hdr header{};
          return errorOf([&] { return ::ioctl(0, SG_IO, &header); });
        }) == ENOSYS);
  CHECK(onQueue([] {
          uint64_t range[2] = {};
          return errorOf([&] { return ::ioctl(-1, BLKDISCARD, range); });
        }) == EBADF);
  CHECK(onQueue([] {
          return errorOf(
              [] { return static_cast<int>(::syscall(SYS_io_uring_setup, 1, nullptr)); });
        }) == ENOSYS);
  CHECK(onQueue([] {
          void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          return memory == MAP_FAILED ? errno : 0;
        }) == ENOSYS);
  CHECK(onQueue([] {
          return errorOf([] { return static_cast<int>(::syscall(SYS_tgkill, 1, 1, 0)); });
        }) == ENOSYS);
  CHECK(onQueue([] {
          int result = 1;
          std::thread([&] { result = 0; }).join();
          return result;
        }) == 0);
}

TEST_CASE("sandbox: a queue thread knows an eventfd, which it need not read, from a pipe") {
  const auto leftAfterDrain = [](int readEnd, int writeEnd) {
    const uint64_t kick = 1;
    if (::write(writeEnd, &kick, sizeof kick) != sizeof kick) return 103;
    return confinedThread(Confined::kQueueThread, [&] {
      virtio::QueueCounters counters;
      virtio::Virtqueue queue(0, counters);
      queue.setKick(UniqueFd(::fcntl(readEnd, F_DUPFD_CLOEXEC, 0)));
      queue.drainKick();
      uint64_t left = 0;
      return ::read(readEnd, &left, sizeof left) == sizeof left ? 1 : 0;
    });
  };
  const UniqueFd event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  CHECK(leftAfterDrain(event.get(), event.get()) == 1);
  int ends[2];
  REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
  const UniqueFd readEnd(ends[0]), writeEnd(ends[1]);
  CHECK(leftAfterDrain(readEnd.get(), writeEnd.get()) == 0);
}

TEST_CASE("sandbox: every engine does its work on a queue thread") {
  for (const EngineKind kind : {EngineKind::kIoUring, EngineKind::kLibaio, EngineKind::kSync}) {
    CAPTURE(static_cast<int>(kind));
    CHECK(confined(Confined::kProcess, [&] {
            int result = 1;
            std::thread([&] {
              if (!confineThread(Confined::kControlThread)) return;
              auto channel = IoChannel::open(kind);
              if (!channel) return;
              result = confineThread(Confined::kQueueThread) ? 0 : 2;
            }).join();
            return result;
          }) == 0);
  }
}

TEST_CASE("sandbox: each is let do less than the one before") {
  const auto queue = namesOf(Confined::kQueueThread);
  const auto control = namesOf(Confined::kControlThread);
  const auto process = namesOf(Confined::kProcess);
  const auto more = namesOf(Confined::kProcessWithChildren);
  const auto holds = [](const auto& large, const auto& small) {
    return std::includes(large.begin(), large.end(), small.begin(), small.end());
  };
  CHECK(holds(control, queue));
  CHECK(holds(process, control));
  CHECK(holds(more, process));
  // What nobody gets, whatever is added to the tables one day.
  for (const char* name : {"ptrace",       "process_vm_writev",
                           "mount",        "umount2",
                           "pivot_root",   "chroot",
                           "bpf",          "setns",
                           "unshare",      "init_module",
                           "finit_module", "kexec_load",
                           "reboot",       "iopl",
                           "ioperm",       "perf_event_open",
                           "userfaultfd",  "add_key",
                           "keyctl",       "open_by_handle_at",
                           "swapon",       "setuid",
                           "setresuid",    "capset",
                           "personality",  "mknod",
                           "mknodat",      "chown",
                           "fchown"}) {
    CAPTURE(name);
    CHECK(more.count(name) == 0);
  }
  for (const char* name : {"openat", "open", "socket", "connect", "unlink", "execve", "sendmsg"}) {
    CAPTURE(name);
    CHECK(queue.count(name) == 0);
  }
}

}  // namespace holdfast::sandbox
