#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/base/inbox.h"
#include "core/mailbox/mailbox_message.h"

namespace holdfast {

/// A queue's request that waits in the mailbox; `token` names it while it does.
struct MailboxEntry {
  MailboxToken token = 0;
  int64_t deadline = 0;  // of CLOCK_MONOTONIC, nanoseconds
  /// The queue is stopping, and that set the deadline.
  bool hurried = false;
};

/// A reply on its way back to the queue.
struct MailboxAnswer {
  MailboxToken token = 0;
  MailboxEntry* entry = nullptr;
  MailboxReply reply;
};

/// The way of one attachment's commands to the control plane and back. Bounded: all slots and the
/// memory for parameter data are there from the beginning. A token ends when its queue collects the
/// reply or gives up; whatever is said of it afterwards is dropped, so the control plane may be as
/// late as it likes.
///
/// Its lock is held for moments only, never while guest memory is touched or JavaScript runs.
class Mailbox {
 public:
  /// Parameter data of one command, bytes.
  static constexpr size_t kParameterDataMax = 8192;
  static constexpr unsigned kSlotsMax = 256;

  struct Options {
    unsigned slots = 128;  // at most kSlotsMax
    /// From posting to the reply, nanoseconds.
    int64_t commandTimeout = 30'000'000'000;
  };

  /// `posted` is called on a queue worker's thread when there is something to take(), once until
  /// that is called; it must not block.
  Mailbox(Options options, std::function<void()> posted);

  const Options& options() const { return options_; }

  // The control plane, any thread.

  /// Everything posted since the last call, in the order in which it was posted.
  std::vector<MailboxMessage> take();
  /// False: nobody waits for `token` any more, or it was answered before; `reply` is dropped.
  bool complete(MailboxToken token, MailboxReply reply);

  // Queue workers, see MailboxPort.

  /// Copies up to kParameterDataMax bytes out of `dataOut`. Null: full.
  std::optional<MailboxToken> post(const MailboxHeader& header, const iovec* dataOut,
                                   uint32_t dataOutCount, MailboxEntry& entry,
                                   Inbox<MailboxAnswer>& replies);
  /// Ends `token`. False: it had ended.
  bool end(MailboxToken token);

 private:
  enum class State : uint8_t { kFree, kFilling, kPosted, kTaken, kAnswered };

  struct Slot {
    uint32_t generation = 0;
    State state = State::kFree;
    uint32_t dataOutSize = 0;
    MailboxHeader header;
    MailboxEntry* entry = nullptr;
    Inbox<MailboxAnswer>* replies = nullptr;
  };

  static MailboxToken tokenOf(unsigned index, const Slot& slot) {
    return uint64_t{slot.generation} << 8 | index;
  }
  /// The slot that `token` names now, or null.
  Slot* find(MailboxToken token);
  std::byte* dataOutOf(unsigned index) { return dataOut_.get() + index * kParameterDataMax; }

  const Options options_;
  const std::function<void()> posted_;
  std::mutex mutex_;
  std::vector<Slot> slots_;
  std::unique_ptr<std::byte[]> dataOut_;
  std::vector<unsigned> free_;
  std::vector<MailboxToken> waiting_;  // posted and not taken
  bool announced_ = false;             // since the last take()
};

}  // namespace holdfast
