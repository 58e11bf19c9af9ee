#include "core/memory/truncation_guard.h"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>

namespace holdfast {

/// What the handler knows of one mapping. Slots are never freed, only used again, so the handler
/// may walk their list at any moment and without a lock.
struct GuardSlot {
  /// Odd while the rest changes.
  std::atomic<uint32_t> version{0};
  std::atomic<uintptr_t> start{0};
  std::atomic<size_t> size{0};  // 0: not in use
  std::atomic<int> alarmFd{-1};
  GuardSlot* next = nullptr;
};

namespace {

static_assert(std::atomic<uintptr_t>::is_always_lock_free, "a signal handler reads them");

std::atomic<GuardSlot*> firstSlot{nullptr};
std::mutex slotsMutex;  // of writers
struct sigaction previousAction;

void fill(GuardSlot& slot, uintptr_t start, size_t size, int alarmFd) {
  slot.version.fetch_add(1);
  slot.start = start;
  slot.size = size;
  slot.alarmFd = alarmFd;
  slot.version.fetch_add(1);
}

/// Replaces the mapping that contains `address`. A slot that changes meanwhile isn't the one: a
/// mapping that somebody accesses is neither new nor about to go.
bool replaceMappingAt(uintptr_t address) {
  for (const GuardSlot* slot = firstSlot.load(); slot; slot = slot->next) {
    const uint32_t version = slot->version;
    const uintptr_t start = slot->start;
    const size_t size = slot->size;
    const int alarmFd = slot->alarmFd;
    const bool settled = version % 2 == 0 && version == slot->version;
    if (!settled || address - start >= size) continue;

    if (::mmap(reinterpret_cast<void*>(start), size, PROT_READ | PROT_WRITE,
               MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
      return false;
    const uint64_t one = 1;
    if (alarmFd >= 0) [[maybe_unused]]
      const ssize_t written = ::write(alarmFd, &one, sizeof one);
    return true;
  }
  return false;
}

void onBusError(int signal, siginfo_t* info, void*) {
  const int code = errno;
  const bool ours =
      info->si_code == BUS_ADRERR && replaceMappingAt(reinterpret_cast<uintptr_t>(info->si_addr));
  if (!ours) {
    ::sigaction(signal, &previousAction, nullptr);
    ::raise(signal);  // comes when this handler has returned
  }
  errno = code;
}

void installHandler() {
  struct sigaction action{};
  action.sa_sigaction = onBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigaction(SIGBUS, &action, &previousAction);
}

GuardSlot* takeSlot() {
  for (GuardSlot* slot = firstSlot.load(); slot; slot = slot->next)
    if (slot->size == 0) return slot;
  auto* slot = new GuardSlot;
  slot->next = firstSlot.load();
  firstSlot.store(slot);
  return slot;
}

}  // namespace

TruncationGuard::TruncationGuard(std::byte* start, size_t size,
                                 std::shared_ptr<const EventFd> alarm)
    : alarm_(std::move(alarm)) {
  static std::once_flag installed;
  std::call_once(installed, installHandler);
  const std::lock_guard lock(slotsMutex);
  slot_ = takeSlot();
  fill(*slot_, reinterpret_cast<uintptr_t>(start), size, alarm_ ? alarm_->get() : -1);
}

TruncationGuard::~TruncationGuard() {
  const std::lock_guard lock(slotsMutex);
  fill(*slot_, 0, 0, -1);
}

}  // namespace holdfast
