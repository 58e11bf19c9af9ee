#pragma once

#include <libaio.h>
#include <sys/uio.h>

#include <cstdint>
#include <vector>

#include "core/io/io_target.h"

namespace holdfast {

enum class IoKind : uint8_t { kRead, kWrite, kSync, kDiscard, kWriteZeroes, kBlockingCall };

/// A piece of the device, in bytes.
struct IoRange {
  uint64_t offset = 0;
  uint64_t length = 0;
};

struct IoRequest;

/// Whoever started a request and finishes it for the guest.
class IoOwner {
 public:
  /// `request.result` is set; the request may be reused at once.
  virtual void complete(IoRequest& request) = 0;

 protected:
  ~IoOwner() = default;
};

/// One operation on the disk. Its owner fills the first part and leaves it alone until it comes
/// back from IoChannel::reap(); it holds its own iovecs, since the kernel may read them late.
struct IoRequest {
  IoOwner* owner = nullptr;
  const IoTarget* target = nullptr;
  IoKind kind = IoKind::kRead;
  /// Writes, discards and write-zeroes: on the medium when complete (RWF_DSYNC or fdatasync).
  bool throughCache = false;
  /// kWriteZeroes: may deallocate.
  bool mayUnmap = false;
  /// kRead, kWrite: the buffers. The vector itself is left as it is: what a read wrote to must be
  /// known at its end.
  iovec* iov = nullptr;
  uint32_t iovCount = 0;
  uint64_t offset = 0;
  /// kRead, kWrite: the sum of the iovecs.
  uint64_t length = 0;
  /// kDiscard, kWriteZeroes.
  const IoRange* ranges = nullptr;
  uint32_t rangeCount = 0;
  /// kBlockingCall: runs on a thread where it may block; returns 0 or -errno.
  int (*blockingCall)(IoRequest& request) = nullptr;

  /// 0, or -errno, once complete.
  int result = 0;

  // The rest is the channel's and the engine's.
  int64_t transferred = 0;  // what the kernel answered last: bytes or -errno
  uint64_t done = 0;        // bytes behind us
  bool bounced = false;
  iovec bounceIov{};
  std::vector<iovec> rest;  // after a short transfer
  IoRequest* next = nullptr;
  ::iocb controlBlock{};
};

/// Intrusive first-in first-out list; a request is on one list at most.
class IoRequestList {
 public:
  bool empty() const { return head_ == nullptr; }
  IoRequest* front() const { return head_; }
  void push(IoRequest& request) {
    request.next = nullptr;
    (head_ ? tail_->next : head_) = &request;
    tail_ = &request;
  }
  IoRequest* pop() {
    IoRequest* request = head_;
    if (request) head_ = request->next;
    return request;
  }

 private:
  IoRequest* head_ = nullptr;
  IoRequest* tail_ = nullptr;
};

}  // namespace holdfast
