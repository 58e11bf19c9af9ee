#pragma once

#include "core/io/io_request.h"

namespace holdfast::scsi {

/// What verify(), writeAndVerify() and compareAndWrite() return when the medium holds something
/// else; for the latter the scratch says where. No errno has that value.
constexpr int kMiscompare = -4096;

/// Commands that the kernel has no operation for, as IoRequest::blockingCall. The request is a
/// ScsiRequest, with its scratch filled where one is named. They return 0 or -errno.

/// Writes the scratch's one block to all blocks from `offset` to `length`, bytes.
int writeSame(IoRequest& request);

/// Compares `length` bytes of the request's buffers with the medium from `offset`; or returns
/// kMiscompare.
int verify(IoRequest& request);

/// Writes `length` bytes of the request's buffers from `offset`, compares what can be read there if
/// the command says so, and writes the cache out; or returns kMiscompare.
int writeAndVerify(IoRequest& request);

/// Compares the first half of the scratch with the medium from `offset`, and writes the second half
/// there if it is the same; or returns kMiscompare. No other COMPARE AND WRITE to this disk runs at
/// the same time, whichever attachment it came from. Plain writes may, as in other targets: who
/// needs both to exclude each other uses COMPARE AND WRITE for both.
int compareAndWrite(IoRequest& request);

}  // namespace holdfast::scsi
