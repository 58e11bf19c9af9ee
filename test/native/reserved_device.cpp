#include "reserved_device.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <utility>

#include "core/io/io_engine.h"

namespace holdfast::test {
namespace {

std::atomic<bool> reserved{false};
std::atomic<uint64_t> exempt{0};
std::atomic<uint64_t> met{0};

bool meetsConflict() {
  if (!reserved.load()) return false;
  if (uint64_t left = exempt.load(); left > 0) {
    exempt.store(left - 1);
    return false;
  }
  met.fetch_add(1);
  return true;
}

/// An engine with a device that may be reserved.
class ReservableEngine final : public IoEngine {
 public:
  explicit ReservableEngine(std::unique_ptr<IoEngine> engine) : engine_(std::move(engine)) {}

  Status add(const IoTarget& target) override { return engine_->add(target); }
  void remove(const IoTarget& target) override { engine_->remove(target); }
  Status watch(int fd) override { return engine_->watch(fd); }
  void unwatch(int fd) override { engine_->unwatch(fd); }

  void prepare(IoRequest& request) override {
    ++inFlight_;
    if (!meetsConflict()) return engine_->prepare(request);
    request.transferred = -EBADE;
    conflicts_.push(request);
  }
  void submit() override { engine_->submit(); }
  unsigned reap(std::span<IoRequest*> completed) override {
    unsigned count = 0;
    while (count < completed.size() && !conflicts_.empty()) completed[count++] = conflicts_.pop();
    count += engine_->reap(completed.subspan(count));
    inFlight_ -= count;
    return count;
  }
  void sleep() override {
    if (conflicts_.empty()) engine_->sleep();
  }

 private:
  std::unique_ptr<IoEngine> engine_;
  IoRequestList conflicts_;
};

template <typename Call>
auto unlessReserved(Call call) -> decltype(call()) {
  if (!meetsConflict()) return call();
  errno = EBADE;
  return -1;
}

}  // namespace

using MadeEngine = Result<std::unique_ptr<IoEngine>>;
MadeEngine realMakeEngine(EngineKind kind) asm("__real__ZN8holdfast10makeEngineENS_10EngineKindE");
MadeEngine wrappedMakeEngine(EngineKind kind) asm(
    "__wrap__ZN8holdfast10makeEngineENS_10EngineKindE");

MadeEngine wrappedMakeEngine(EngineKind kind) {
  auto engine = realMakeEngine(kind);
  if (!engine) return engine.error();
  return std::unique_ptr<IoEngine>(std::make_unique<ReservableEngine>(std::move(*engine)));
}

void ReservedDevice::reserve(uint64_t operations) {
  exempt.store(operations);
  reserved.store(true);
}

void ReservedDevice::release() {
  reserved.store(false);
}

uint64_t ReservedDevice::conflicts() const {
  return total() - before_;
}

uint64_t ReservedDevice::total() {
  return met.load();
}

extern "C" {

ssize_t __real_pread(int fd, void* data, size_t size, off_t offset);
ssize_t __real_pwrite(int fd, const void* data, size_t size, off_t offset);
int __real_fallocate(int fd, int mode, off_t offset, off_t length);
int __real_fdatasync(int fd);

[[gnu::visibility("default")]] ssize_t __wrap_pread(int fd, void* data, size_t size, off_t offset) {
  return unlessReserved([=] { return __real_pread(fd, data, size, offset); });
}
[[gnu::visibility("default")]] ssize_t __wrap_pwrite(int fd, const void* data, size_t size,
                                                     off_t offset) {
  return unlessReserved([=] { return __real_pwrite(fd, data, size, offset); });
}
[[gnu::visibility("default")]] int __wrap_fallocate(int fd, int mode, off_t offset, off_t length) {
  return unlessReserved([=] { return __real_fallocate(fd, mode, offset, length); });
}
[[gnu::visibility("default")]] int __wrap_fdatasync(int fd) {
  return unlessReserved([=] { return __real_fdatasync(fd); });
}
}

}  // namespace holdfast::test
