#include "core/mailbox/mailbox.h"

#include <utility>

#include "core/io/iovec.h"

namespace holdfast {
namespace {

constexpr unsigned indexOf(MailboxToken token) {
  return token & 0xff;
}

}  // namespace

Mailbox::Mailbox(Options options, std::function<void()> posted)
    : options_(options),
      posted_(std::move(posted)),
      slots_(options.slots),
      dataOut_(std::make_unique_for_overwrite<std::byte[]>(options.slots * kParameterDataMax)) {
  free_.reserve(options.slots);
  for (unsigned i = options.slots; i-- > 0;) free_.push_back(i);
}

std::optional<MailboxToken> Mailbox::post(const MailboxHeader& header, const iovec* dataOut,
                                          uint32_t dataOutCount, MailboxEntry& entry,
                                          Inbox<MailboxAnswer>& replies) {
  unsigned index;
  {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::nullopt;
    index = free_.back();
    free_.pop_back();
    slots_[index].state = State::kFilling;
  }
  // Nobody else looks at a slot that is being filled.
  Slot& slot = slots_[index];
  slot.header = header;
  slot.entry = &entry;
  slot.replies = &replies;
  slot.dataOutSize =
      static_cast<uint32_t>(gather(dataOut, dataOutCount, dataOutOf(index), kParameterDataMax));
  const MailboxToken token = tokenOf(index, slot);
  bool announced;
  {
    const std::lock_guard lock(mutex_);
    slot.state = State::kPosted;
    waiting_.push_back(token);
    announced = std::exchange(announced_, true);
  }
  if (!announced) posted_();
  return token;
}

std::vector<MailboxMessage> Mailbox::take() {
  std::vector<MailboxMessage> messages;
  const std::lock_guard lock(mutex_);
  messages.reserve(waiting_.size());
  for (const MailboxToken token : waiting_) {
    Slot& slot = slots_[indexOf(token)];
    slot.state = State::kTaken;
    const std::byte* dataOut = dataOutOf(indexOf(token));
    messages.push_back({token, slot.header, {dataOut, dataOut + slot.dataOutSize}});
  }
  waiting_.clear();
  announced_ = false;
  return messages;
}

bool Mailbox::complete(MailboxToken token, MailboxReply reply) {
  const std::lock_guard lock(mutex_);
  Slot* slot = find(token);
  if (!slot || slot->state != State::kTaken) return false;
  slot->state = State::kAnswered;
  // The queue can't have gone: it ends its tokens first, and that needs the lock.
  slot->replies->push({token, slot->entry, std::move(reply)});
  return true;
}

bool Mailbox::end(MailboxToken token) {
  const std::lock_guard lock(mutex_);
  Slot* slot = find(token);
  if (!slot) return false;
  if (slot->state == State::kPosted) std::erase(waiting_, token);
  slot->state = State::kFree;
  ++slot->generation;
  free_.push_back(indexOf(token));
  return true;
}

Mailbox::Slot* Mailbox::find(MailboxToken token) {
  const unsigned index = indexOf(token);
  if (index >= slots_.size()) return nullptr;
  Slot& slot = slots_[index];
  const bool live = slot.state != State::kFree && slot.state != State::kFilling;
  return live && tokenOf(index, slot) == token ? &slot : nullptr;
}

}  // namespace holdfast
