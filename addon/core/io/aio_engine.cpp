#include <algorithm>
#include <atomic>
#include <cerrno>

#include "core/base/event_fd.h"
#include "core/io/fd_waiter.h"
#include "core/io/io_engine.h"

namespace holdfast {
namespace {

/// The kernel's completion ring as mapped at the address that io_context_t is (fs/aio.c,
/// struct aio_ring). User space may take events from it without a system call.
struct CompletionRing {
  static constexpr unsigned kMagic = 0xa10a10a1;
  unsigned id;
  unsigned nr;
  unsigned head;
  unsigned tail;
  unsigned magic;
  unsigned compatFeatures;
  unsigned incompatFeatures;
  unsigned headerLength;
  io_event events[];
};

/// Batched io_submit on the queue's thread: for devices without NOWAIT (dm-multipath, zram), where
/// io_uring would hand every operation to a kernel worker.
class AioEngine final : public IoEngine {
 public:
  explicit AioEngine(io_context_t context) : context_(context) {
    ring_ = reinterpret_cast<CompletionRing*>(context);
    if (ring_->magic != CompletionRing::kMagic) ring_ = nullptr;
  }
  ~AioEngine() override { ::io_destroy(context_); }

  Status start() { return waiter_.watch(completion_.get()); }

  Status add(const IoTarget&) override { return {}; }
  void remove(const IoTarget&) override {}

  Status watch(int fd) override { return waiter_.watch(fd); }
  void unwatch(int fd) override { waiter_.unwatch(fd); }

  void prepare(IoRequest& request) override {
    iocb& block = request.controlBlock;
    const int fd = request.target->geometry.fd;
    const auto offset = static_cast<long long>(request.offset + request.done);
    const iovec* iov = request.bounced ? &request.bounceIov : request.iov;
    const int count = request.bounced ? 1 : static_cast<int>(request.iovCount);
    switch (request.kind) {
      // A single buffer goes without a vector, which the kernel would have to copy in.
      case IoKind::kRead:
        count == 1 ? ::io_prep_pread(&block, fd, iov->iov_base, iov->iov_len, offset)
                   : ::io_prep_preadv(&block, fd, iov, count, offset);
        break;
      case IoKind::kWrite:
        count == 1 ? ::io_prep_pwrite(&block, fd, iov->iov_base, iov->iov_len, offset)
                   : ::io_prep_pwritev(&block, fd, iov, count, offset);
        if (request.throughCache) block.aio_rw_flags = RWF_DSYNC;
        break;
      default:
        ::io_prep_fdsync(&block, fd);
    }
    block.data = &request;
    if (request.kind == IoKind::kSync || inlineRuns_ < kInlineRuns)
      ::io_set_eventfd(&block, completion_.get());
    account(request, 1);
    prepared_[preparedCount_++] = &block;
    ++inFlight_;
  }

  void submit() override {
    unsigned from = 0;
    while (from < preparedCount_) {
      const int taken = ::io_submit(context_, preparedCount_ - from, prepared_ + from);
      if (taken > 0) {
        from += static_cast<unsigned>(taken);
      } else if (taken == -EAGAIN && inFlight_ > preparedCount_ - from) {
        break;  // a completion will make room
      } else if (taken != -EINTR) {
        fail(*prepared_[from++], taken < 0 ? taken : -EIO);
      }
    }
    preparedCount_ -= from;
    for (unsigned i = 0; i < preparedCount_; ++i) prepared_[i] = prepared_[from + i];
    if (from) learnWhenItCompletes();
  }

  unsigned reap(std::span<IoRequest*> completed) override {
    unsigned count = 0;
    while (count < completed.size() && !failed_.empty()) completed[count++] = failed_.pop();
    count +=
        ring_ ? reapFromRing(completed.subspan(count)) : reapBySyscall(completed.subspan(count));
    inFlight_ -= count;
    return count;
  }

  void sleep() override {
    if (!failed_.empty()) return;
    waiter_.wait(silent_ == 0 ? FdWaiter::kForever : kSilentMilliseconds);
  }

 private:
  /// IOCB_FLAG_RESFD, which libaio sets without a name.
  static constexpr unsigned kSignals = 1 << 0;
  /// Submissions in a row that completed before io_submit returned, as a RAM disk's do.
  static constexpr unsigned kInlineRuns = 64;
  /// How long to sleep when a silent request is still on its way.
  static constexpr int kSilentMilliseconds = 1;

  /// Signalling a completion costs about a tenth of a request to a RAM disk, where nobody ever
  /// sleeps for one: reads and writes of such a device are silent. The first that is still on its
  /// way when io_submit returns ends that.
  void learnWhenItCompletes() {
    if (!ring_) return;
    const unsigned tail = std::atomic_ref<unsigned>(ring_->tail).load(std::memory_order_acquire);
    const unsigned head = std::atomic_ref<unsigned>(ring_->head).load(std::memory_order_relaxed);
    const unsigned ready = tail >= head ? tail - head : tail + ring_->nr - head;
    inlineRuns_ = ready >= transfers_ ? std::min(inlineRuns_ + 1, kInlineRuns) : 0;
  }

  /// `change`: 1 for a request that goes to the kernel, -1 for one that comes back.
  void account(const IoRequest& request, int change) {
    if (request.kind == IoKind::kSync) return;
    transfers_ += change;
    if (!(request.controlBlock.u.c.flags & kSignals)) silent_ += change;
  }

  unsigned reapFromRing(std::span<IoRequest*> completed) {
    std::atomic_ref<unsigned> sharedHead(ring_->head);
    const unsigned tail = std::atomic_ref<unsigned>(ring_->tail).load(std::memory_order_acquire);
    unsigned head = sharedHead.load(std::memory_order_relaxed);
    unsigned count = 0;
    while (head != tail && count < completed.size()) {
      completed[count++] = finished(ring_->events[head]);
      if (++head == ring_->nr) head = 0;
    }
    if (count) sharedHead.store(head, std::memory_order_release);
    return count;
  }

  unsigned reapBySyscall(std::span<IoRequest*> completed) {
    io_event events[16];
    timespec now{};
    const long wanted = completed.size() < 16 ? static_cast<long>(completed.size()) : 16;
    const int got = ::io_getevents(context_, 0, wanted, events, &now);
    for (int i = 0; i < got; ++i) completed[static_cast<unsigned>(i)] = finished(events[i]);
    return got > 0 ? static_cast<unsigned>(got) : 0;
  }

  IoRequest* finished(const io_event& event) {
    auto* request = static_cast<IoRequest*>(event.data);
    request->transferred = static_cast<int64_t>(event.res);
    account(*request, -1);
    return request;
  }

  void fail(iocb& block, int error) {
    auto* request = static_cast<IoRequest*>(block.data);
    account(*request, -1);
    request->transferred = error;
    failed_.push(*request);
  }

  io_context_t context_;
  CompletionRing* ring_ = nullptr;
  EventFd completion_;
  FdWaiter waiter_;
  IoRequestList failed_;
  unsigned transfers_ = 0;  // reads and writes with the kernel, also finished ones not yet reaped
  unsigned silent_ = 0;     // of these, those that signal no completion
  unsigned inlineRuns_ = 0;
  unsigned preparedCount_ = 0;
  iocb* prepared_[kDepth];
};

}  // namespace

Result<std::unique_ptr<IoEngine>> makeAioEngine() {
  io_context_t context = nullptr;
  if (const int error = ::io_setup(IoEngine::kDepth, &context); error != 0)
    return systemError("io_setup (see fs.aio-max-nr)", -error);
  auto engine = std::make_unique<AioEngine>(context);
  if (Status started = engine->start(); !started) return started.error();
  return std::unique_ptr<IoEngine>(std::move(engine));
}

}  // namespace holdfast
