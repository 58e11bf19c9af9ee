#include "core/mailbox/mailbox_port.h"

#include <algorithm>
#include <cerrno>

namespace holdfast {

MailboxPort::MailboxPort(Mailbox& mailbox, MailboxClient& client, IoChannel& channel)
    : mailbox_(mailbox), client_(client), channel_(channel) {}

MailboxPort::~MailboxPort() {
  for (const MailboxEntry* entry : pending_) mailbox_.end(entry->token);
  channel_.unwatch(answers_.eventFd());
  channel_.unwatch(timer_.get());
}

Status MailboxPort::open() {
  if (!answers_.valid() || !timer_.valid())
    return Error{EMFILE, "no file descriptor left for the queue"};
  if (Status watched = channel_.watch(answers_.eventFd()); !watched) return watched;
  return channel_.watch(timer_.get());
}

bool MailboxPort::post(MailboxEntry& entry, const MailboxHeader& header, const iovec* dataOut,
                       uint32_t dataOutCount) {
  const auto token = mailbox_.post(header, dataOut, dataOutCount, entry, answers_);
  if (!token) return false;
  entry.token = *token;
  const int64_t deadline = monotonicNow() + mailbox_.options().commandTimeout;
  entry.deadline = std::min(deadline, giveUpAt_);
  entry.hurried = giveUpAt_ < deadline;
  pending_.push_back(&entry);
  armTimer();
  return true;
}

void MailboxPort::cancel(MailboxEntry& entry) {
  mailbox_.end(entry.token);
  std::erase(pending_, &entry);
}

unsigned MailboxPort::collect(int64_t giveUpAt) {
  const bool changed = giveUpAt != giveUpAt_;
  giveUpAt_ = giveUpAt;
  if (pending_.empty()) return 0;
  const unsigned delivered = deliver();
  if (changed) hurry();
  return delivered + expire();
}

unsigned MailboxPort::deliver() {
  unsigned count = 0;
  for (MailboxAnswer& answer : answers_.take()) {
    // A reply to what was given up meanwhile.
    if (!isPending(answer.entry, answer.token)) continue;
    cancel(*answer.entry);
    client_.answered(*answer.entry, answer.reply);
    ++count;
  }
  return count;
}

void MailboxPort::hurry() {
  for (MailboxEntry* entry : pending_) {
    if (entry->deadline <= giveUpAt_) continue;
    entry->deadline = giveUpAt_;
    entry->hurried = true;
  }
  armTimer();
}

unsigned MailboxPort::expire() {
  if (pending_.empty()) return 0;
  const int64_t now = monotonicNow();
  if (now < armedFor_) return 0;
  armedFor_ = 0;
  std::vector<MailboxEntry*> late;
  for (MailboxEntry* entry : pending_)
    if (entry->deadline <= now) late.push_back(entry);
  for (MailboxEntry* entry : late) {
    cancel(*entry);
    entry->hurried ? client_.cutOff(*entry) : client_.timedOut(*entry);
  }
  armTimer();
  return static_cast<unsigned>(late.size());
}

void MailboxPort::armTimer() {
  const auto first = std::min_element(
      pending_.begin(), pending_.end(),
      [](const MailboxEntry* a, const MailboxEntry* b) { return a->deadline < b->deadline; });
  // A timer that runs out early is cheaper than one set anew for each command.
  if (first == pending_.end() || (armedFor_ != 0 && armedFor_ <= (*first)->deadline)) return;
  armedFor_ = (*first)->deadline;
  timer_.arm(armedFor_);
}

bool MailboxPort::isPending(const MailboxEntry* entry, MailboxToken token) const {
  return std::find(pending_.begin(), pending_.end(), entry) != pending_.end() &&
         entry->token == token;
}

}  // namespace holdfast
