#include <liburing.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "core/io/io_engine.h"

namespace holdfast {
namespace {

constexpr unsigned kSubmissionEntries = 256;

/// User data of a CQE: a request's address, or a watch's number with the lowest bit set.
constexpr uint64_t watchTag(uint64_t number) {
  return number << 1 | 1;
}

/// All that a ring is ever asked for. It bypasses seccomp, so this is its own filter: not even who
/// has taken the process over can open or connect by it.
constexpr uint8_t kOperations[] = {IORING_OP_READ,       IORING_OP_READV, IORING_OP_WRITE,
                                   IORING_OP_WRITEV,     IORING_OP_FSYNC, IORING_OP_POLL_ADD,
                                   IORING_OP_POLL_REMOVE};

/// One io_uring per queue worker. DEFER_TASKRUN keeps completions off our back until we ask for
/// them; kernels before 6.1 get COOP_TASKRUN (5.19) or nothing.
class UringEngine final : public IoEngine {
 public:
  UringEngine() { ring_.ring_fd = -1; }
  ~UringEngine() override {
    if (ring_.ring_fd >= 0) ::io_uring_queue_exit(&ring_);
  }

  Status start() {
    static constexpr unsigned kFlagSets[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        0,
    };
    int error = 0;
    for (const unsigned flags : kFlagSets) {
      io_uring_params params{};
      params.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED;
      params.cq_entries = 2 * kDepth;
      error = ::io_uring_queue_init_params(kSubmissionEntries, &ring_, &params);
      if (error != -EINVAL) break;
    }
    if (error != 0) {
      ring_.ring_fd = -1;
      return systemError("io_uring_setup", -error);
    }
    ::io_uring_ring_dontfork(&ring_);
    // A table of empty places (-1): a registered file saves a reference count for each request.
    std::vector<int> places(IoTarget::kMaxSlots, -1);
    error = ::io_uring_register_files(&ring_, places.data(), IoTarget::kMaxSlots);
    if (error != 0) return systemError("io_uring_register (files)", -error);
    return restrict();
  }

  /// Allows nothing but kOperations and the exchange of files, for good.
  Status restrict() {
    std::vector<io_uring_restriction> allowed;
    for (const uint8_t operation : kOperations) {
      io_uring_restriction& one = allowed.emplace_back();
      one.opcode = IORING_RESTRICTION_SQE_OP;
      one.sqe_op = operation;
    }
    io_uring_restriction& flags = allowed.emplace_back();
    flags.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    flags.sqe_flags = IOSQE_FIXED_FILE;
    io_uring_restriction& files = allowed.emplace_back();
    files.opcode = IORING_RESTRICTION_REGISTER_OP;
    files.register_op = IORING_REGISTER_FILES_UPDATE;
    // liburing 2.3 declares functions for both, and exports neither.
    int error = registerWith(IORING_REGISTER_RESTRICTIONS, allowed.data(), allowed.size());
    if (error == 0) error = registerWith(IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    return error == 0 ? Status() : systemError("io_uring_register (restrictions)", error);
  }

  /// Returns an errno, or 0.
  int registerWith(unsigned operation, void* argument, size_t count) {
    const long result =
        ::syscall(__NR_io_uring_register, ring_.ring_fd, operation, argument, count);
    return result == 0 ? 0 : errno;
  }

  Status add(const IoTarget& target) override { return place(target.slot, target.geometry.fd); }
  void remove(const IoTarget& target) override { (void)place(target.slot, -1); }

  Status watch(int fd) override {
    watches_.push_back({fd, nextWatch_++});
    arm(watches_.back());
    return {};
  }

  void unwatch(int fd) override {
    for (size_t i = 0; i < watches_.size(); ++i) {
      if (watches_[i].fd != fd) continue;
      io_uring_sqe* entry = nextEntry();
      ::io_uring_prep_poll_remove(entry, watchTag(watches_[i].number));
      ::io_uring_sqe_set_data64(entry, watchTag(0));
      ::io_uring_submit(&ring_);
      watches_.erase(watches_.begin() + static_cast<ptrdiff_t>(i));
      return;
    }
  }

  void prepare(IoRequest& request) override {
    io_uring_sqe* entry = nextEntry();
    const int file = static_cast<int>(request.target->slot);
    const uint64_t offset = request.offset + request.done;
    const iovec* iov = request.bounced ? &request.bounceIov : request.iov;
    const unsigned count = request.bounced ? 1 : request.iovCount;
    if (request.kind == IoKind::kRead) {
      count == 1 ? ::io_uring_prep_read(entry, file, iov->iov_base,
                                        static_cast<unsigned>(iov->iov_len), offset)
                 : ::io_uring_prep_readv(entry, file, iov, count, offset);
    } else if (request.kind == IoKind::kWrite) {
      count == 1 ? ::io_uring_prep_write(entry, file, iov->iov_base,
                                         static_cast<unsigned>(iov->iov_len), offset)
                 : ::io_uring_prep_writev(entry, file, iov, count, offset);
      if (request.throughCache) entry->rw_flags = RWF_DSYNC;
    } else {
      ::io_uring_prep_fsync(entry, file, IORING_FSYNC_DATASYNC);
    }
    ::io_uring_sqe_set_flags(entry, IOSQE_FIXED_FILE);
    ::io_uring_sqe_set_data(entry, &request);
    ++inFlight_;
  }

  void submit() override {
    if (::io_uring_sq_ready(&ring_) > 0) ::io_uring_submit(&ring_);
  }

  unsigned reap(std::span<IoRequest*> completed) override {
    const bool taskWork = __atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN;
    if (taskWork && ::io_uring_cq_ready(&ring_) == 0) ::io_uring_get_events(&ring_);
    unsigned count = 0;
    unsigned seen = 0;
    unsigned head;
    io_uring_cqe* entry;
    io_uring_for_each_cqe(&ring_, head, entry) {
      if (count == completed.size()) break;
      ++seen;
      if (entry->user_data & 1) {
        rearmIfEnded(*entry);
        continue;
      }
      auto* request = reinterpret_cast<IoRequest*>(entry->user_data);
      request->transferred = entry->res;
      completed[count++] = request;
    }
    if (seen) ::io_uring_cq_advance(&ring_, seen);
    inFlight_ -= count;
    return count;
  }

  void sleep() override { ::io_uring_submit_and_wait(&ring_, 1); }

 private:
  struct Watch {
    int fd;
    uint64_t number;
  };

  Status place(unsigned slot, int fd) {
    const int updated = ::io_uring_register_files_update(&ring_, slot, &fd, 1);
    return updated >= 0 ? Status() : systemError("io_uring_register (file)", -updated);
  }

  io_uring_sqe* nextEntry() {
    io_uring_sqe* entry;
    while (!(entry = ::io_uring_get_sqe(&ring_))) ::io_uring_submit(&ring_);
    return entry;
  }

  void arm(const Watch& watch) {
    io_uring_sqe* entry = nextEntry();
    ::io_uring_prep_poll_multishot(entry, watch.fd, POLLIN);
    ::io_uring_sqe_set_data64(entry, watchTag(watch.number));
  }

  /// A multishot poll may end (CQ overflow); one that failed outright stays down.
  void rearmIfEnded(const io_uring_cqe& entry) {
    if (entry.flags & IORING_CQE_F_MORE || entry.res < 0) return;
    for (const Watch& watch : watches_)
      if (watchTag(watch.number) == entry.user_data) arm(watch);
  }

  io_uring ring_{};
  uint64_t nextWatch_ = 1;
  std::vector<Watch> watches_;
};

}  // namespace

Result<std::unique_ptr<IoEngine>> makeUringEngine() {
  auto engine = std::make_unique<UringEngine>();
  if (Status started = engine->start(); !started) return started.error();
  return std::unique_ptr<IoEngine>(std::move(engine));
}

}  // namespace holdfast
