#pragma once

#include <cstdint>
#include <vector>

#include "core/base/clock.h"
#include "core/base/inbox.h"
#include "core/base/status.h"
#include "core/base/timer_fd.h"
#include "core/io/io_channel.h"
#include "core/mailbox/mailbox.h"

namespace holdfast {

/// A queue's requests that ended in the mailbox, one way or the other.
class MailboxClient {
 public:
  virtual void answered(MailboxEntry& entry, MailboxReply& reply) = 0;
  /// The control plane said nothing in time.
  virtual void timedOut(MailboxEntry& entry) = 0;
  /// Nor did it when the queue had to stop.
  virtual void cutOff(MailboxEntry& entry) = 0;

 protected:
  ~MailboxClient() = default;
};

/// One queue's end of the mailbox; used on its worker's thread only. Deadlines are kept here, so
/// that a control plane that has died hangs no guest.
class MailboxPort {
 public:
  /// All outlive the port.
  MailboxPort(Mailbox& mailbox, MailboxClient& client, IoChannel& channel);
  ~MailboxPort();
  MailboxPort(const MailboxPort&) = delete;
  MailboxPort& operator=(const MailboxPort&) = delete;

  /// To be called first. Error: out of file descriptors.
  Status open();

  /// Up to Mailbox::kParameterDataMax bytes of `dataOut` go along. `entry` stays where it is until
  /// the client is told what became of it, or cancel(). False: the mailbox is full.
  bool post(MailboxEntry& entry, const MailboxHeader& header, const iovec* dataOut,
            uint32_t dataOutCount);
  /// `entry` is in the mailbox; the client hears no more of it.
  void cancel(MailboxEntry& entry);

  /// Tells the client of all that ended; returns how much. `giveUpAt`: the queue's; what is posted
  /// later meets it, too.
  unsigned collect(int64_t giveUpAt);

 private:
  unsigned deliver();
  void hurry();
  unsigned expire();
  void armTimer();
  bool isPending(const MailboxEntry* entry, MailboxToken token) const;

  Mailbox& mailbox_;
  MailboxClient& client_;
  IoChannel& channel_;
  Inbox<MailboxAnswer> answers_;
  TimerFd timer_;
  int64_t armedFor_ = 0;  // 0: not armed
  int64_t giveUpAt_ = kNever;
  std::vector<MailboxEntry*> pending_;
};

}  // namespace holdfast
