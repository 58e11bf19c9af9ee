#include <cerrno>

#include "core/io/fd_waiter.h"
#include "core/io/io_engine.h"

namespace holdfast {
namespace {

/// Runs each operation inside submit(): the fallback where neither io_uring nor libaio is allowed.
class SyncEngine final : public IoEngine {
 public:
  Status add(const IoTarget&) override { return {}; }
  void remove(const IoTarget&) override {}

  Status watch(int fd) override { return waiter_.watch(fd); }
  void unwatch(int fd) override { waiter_.unwatch(fd); }

  void prepare(IoRequest& request) override {
    prepared_.push(request);
    ++inFlight_;
  }

  void submit() override {
    while (IoRequest* request = prepared_.pop()) {
      request->transferred = run(*request);
      done_.push(*request);
    }
  }

  unsigned reap(std::span<IoRequest*> completed) override {
    unsigned count = 0;
    while (count < completed.size() && !done_.empty()) completed[count++] = done_.pop();
    inFlight_ -= count;
    return count;
  }

  void sleep() override {
    if (done_.empty()) waiter_.wait();
  }

 private:
  static int64_t run(const IoRequest& request) {
    const int fd = request.target->geometry.fd;
    const auto offset = static_cast<off_t>(request.offset + request.done);
    const iovec* iov = request.bounced ? &request.bounceIov : request.iov;
    const int count = request.bounced ? 1 : static_cast<int>(request.iovCount);
    for (;;) {
      ssize_t moved;
      if (request.kind == IoKind::kRead)
        moved = ::preadv(fd, iov, count, offset);
      else if (request.kind == IoKind::kWrite)
        moved = ::pwritev2(fd, iov, count, offset, request.throughCache ? RWF_DSYNC : 0);
      else
        moved = ::fdatasync(fd);
      if (moved >= 0) return moved;
      if (errno != EINTR) return -errno;
    }
  }

  FdWaiter waiter_;
  IoRequestList prepared_;
  IoRequestList done_;
};

}  // namespace

Result<std::unique_ptr<IoEngine>> makeSyncEngine() {
  return std::unique_ptr<IoEngine>(std::make_unique<SyncEngine>());
}

}  // namespace holdfast
