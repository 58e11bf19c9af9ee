#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <thread>

#include "core/mailbox/mailbox_port.h"
#include "support/control_plane.h"

using namespace holdfast;
using test::ControlPlane;

namespace {

constexpr int64_t kMillisecond = 1'000'000;

/// A queue with nothing but its end of the mailbox, driven by hand.
struct Queue final : MailboxClient {
  explicit Queue(Mailbox& mailbox) {
    auto opened = IoChannel::open(EngineKind::kSync);
    REQUIRE(opened.ok());
    channel = std::move(*opened);
    port = std::make_unique<MailboxPort>(mailbox, static_cast<MailboxClient&>(*this), *channel);
    REQUIRE(port->open().ok());
  }
  ~Queue() { port.reset(); }

  MailboxEntry* post(uint8_t opcode, const iovec* dataOut = nullptr, uint32_t count = 0) {
    entries.emplace_back();
    MailboxHeader header;
    header.cdb[0] = opcode;
    return port->post(entries.back(), header, dataOut, count) ? &entries.back() : nullptr;
  }

  /// Sleeps as a queue worker does until something has ended.
  void collect(int64_t giveUpAt = kNever) {
    while (port->collect(giveUpAt) == 0) channel->sleep();
  }

  void answered(MailboxEntry& entry, MailboxReply& reply) override {
    log.push_back({&entry, "answered", reply.status});
  }
  void timedOut(MailboxEntry& entry) override { log.push_back({&entry, "timed out", 0}); }
  void cutOff(MailboxEntry& entry) override { log.push_back({&entry, "cut off", 0}); }

  struct End {
    MailboxEntry* entry;
    std::string how;
    uint8_t status;
    bool operator==(const End&) const = default;
  };

  std::unique_ptr<IoChannel> channel;
  std::unique_ptr<MailboxPort> port;
  std::deque<MailboxEntry> entries;
  std::vector<End> log;
};

}  // namespace

TEST_CASE("mailbox: a command goes there and back once, its data copied, in order") {
  ControlPlane plane;
  Queue queue(plane.mailbox());
  char first[] = "para", second[] = "meters";
  const iovec data[] = {{first, 4}, {second, 6}};
  MailboxEntry* one = queue.post(0x5f, data, 2);
  MailboxEntry* two = queue.post(0x12);
  first[0] = 'X';
  CHECK(queue.port->collect(kNever) == 0);

  const MailboxMessage message = plane.next();
  CHECK(message.header.cdb[0] == 0x5f);
  CHECK(std::string(reinterpret_cast<const char*>(message.dataOut.data()),
                    message.dataOut.size()) == "parameters");
  const MailboxMessage next = plane.next();
  CHECK(next.header.cdb[0] == 0x12);
  CHECK(next.dataOut.empty());
  CHECK(plane.silent());

  std::thread answering([&] { CHECK(plane.mailbox().complete(next.token, {.status = 2})); });
  queue.collect();
  answering.join();
  CHECK(plane.mailbox().complete(message.token, {.status = 1}));
  queue.collect();
  CHECK(queue.log == std::vector<Queue::End>{{two, "answered", 2}, {one, "answered", 1}});
  CHECK(queue.port->collect(kNever) == 0);
}

TEST_CASE("mailbox: parameter data is cut to 8 KiB") {
  ControlPlane plane;
  Queue queue(plane.mailbox());
  std::vector<std::byte> data(Mailbox::kParameterDataMax + 1, std::byte{7});
  const iovec iov{data.data(), data.size()};
  queue.post(0x5f, &iov, 1);
  CHECK(plane.next().dataOut.size() == Mailbox::kParameterDataMax);
}

TEST_CASE("mailbox: full, and a place is free again for every command that ended") {
  ControlPlane plane({.slots = 3});
  Queue queue(plane.mailbox());
  MailboxEntry* entries[3];
  for (MailboxEntry*& entry : entries) REQUIRE((entry = queue.post(1)) != nullptr);
  CHECK(queue.post(1) == nullptr);
  const MailboxMessage message = plane.next();
  CHECK(queue.post(1) == nullptr);
  plane.mailbox().complete(message.token, {});
  CHECK(queue.post(1) == nullptr);  // not collected yet: it still has its place
  queue.collect();
  CHECK(queue.post(1) != nullptr);
  CHECK(queue.post(1) == nullptr);
  queue.port->cancel(*entries[2]);
  CHECK(queue.post(1) != nullptr);
}

TEST_CASE("mailbox: late, repeated, made-up and stale tokens change nothing") {
  ControlPlane plane({.slots = 2});
  Mailbox& mailbox = plane.mailbox();
  Queue queue(mailbox);
  MailboxEntry* entry = queue.post(1);
  CHECK_FALSE(mailbox.complete(entry->token, {.status = 9}));  // nobody has taken it
  const MailboxToken token = plane.next().token;
  CHECK(token == entry->token);
  for (const MailboxToken madeUp :
       {token + 1, token + 256, token | 0xff, uint64_t{1} << 39, ~uint64_t{0}, token + 2})
    CHECK_FALSE(mailbox.complete(madeUp, {.status = 9}));
  CHECK(mailbox.complete(token, {.status = 1}));
  CHECK_FALSE(mailbox.complete(token, {.status = 9}));  // repeated before it was collected
  queue.collect();
  CHECK_FALSE(mailbox.complete(token, {.status = 9}));  // and after

  // The same entry and the same place, used again: the old token is of an older generation.
  MailboxEntry* again = queue.post(2);
  const MailboxToken next = plane.next().token;
  CHECK((next & 0xff) == (token & 0xff));
  CHECK_FALSE(mailbox.complete(token, {.status = 9}));
  CHECK(mailbox.complete(next, {.status = 2}));
  queue.collect();
  CHECK(queue.log == std::vector<Queue::End>{{entry, "answered", 1}, {again, "answered", 2}});
}

TEST_CASE("mailbox: what was cancelled is neither shown nor answered any more") {
  ControlPlane plane;
  Queue queue(plane.mailbox());
  MailboxEntry* unseen = queue.post(1);
  MailboxEntry* seen = queue.post(2);
  queue.port->cancel(*unseen);
  const MailboxMessage message = plane.next();
  CHECK(message.header.cdb[0] == 2);
  // Answered, and given up before the queue looked.
  CHECK(plane.mailbox().complete(message.token, {}));
  queue.port->cancel(*seen);
  MailboxEntry* other = queue.post(3);
  plane.mailbox().complete(plane.next().token, {.status = 5});
  queue.collect();
  CHECK(queue.log == std::vector<Queue::End>{{other, "answered", 5}});
}

TEST_CASE("mailbox: without an answer a command times out, and its token with it") {
  ControlPlane plane({.commandTimeout = 20 * kMillisecond});
  Queue queue(plane.mailbox());
  MailboxEntry* taken = queue.post(1);
  const MailboxToken token = plane.next().token;
  MailboxEntry* untaken = queue.post(2);
  while (queue.log.size() < 2) queue.collect();
  CHECK(queue.log == std::vector<Queue::End>{{taken, "timed out", 0}, {untaken, "timed out", 0}});
  CHECK_FALSE(plane.mailbox().complete(token, {}));
  CHECK(plane.silent());
}

TEST_CASE("mailbox: a timer that ran out for a command that had ended is set anew for the next") {
  ControlPlane plane({.commandTimeout = 50 * kMillisecond});
  Queue queue(plane.mailbox());
  queue.post(1);
  plane.mailbox().complete(plane.next().token, {});
  queue.collect();
  MailboxEntry* next = queue.post(2);
  queue.collect();
  CHECK(queue.log.back() == Queue::End{next, "timed out", 0});
}

TEST_CASE("mailbox: a queue that stops cuts its commands off before their own deadline") {
  ControlPlane plane;
  Queue queue(plane.mailbox());
  MailboxEntry* entry = queue.post(1);
  CHECK(queue.port->collect(kNever) == 0);
  const int64_t giveUpAt = monotonicNow() + 20 * kMillisecond;
  queue.collect(giveUpAt);
  CHECK(queue.log == std::vector<Queue::End>{{entry, "cut off", 0}});
  // Posted while it stops, as the control queue does with resets.
  MailboxEntry* late = queue.post(2);
  queue.collect(giveUpAt);
  CHECK(queue.log.back() == Queue::End{late, "cut off", 0});
  // It serves again: the usual deadline holds.
  CHECK(queue.port->collect(kNever) == 0);
  MailboxEntry* next = queue.post(3);
  CHECK(plane.mailbox().complete(plane.next().token, {.status = 4}));
  queue.collect();
  CHECK(queue.log.back() == Queue::End{next, "answered", 4});
}

TEST_CASE("mailbox: a queue that is gone leaves nothing behind") {
  ControlPlane plane({.slots = 1});
  MailboxToken token;
  {
    Queue queue(plane.mailbox());
    queue.post(1);
    token = plane.next().token;
  }
  CHECK_FALSE(plane.mailbox().complete(token, {}));
  Queue next(plane.mailbox());
  CHECK(next.post(2) != nullptr);
}

TEST_CASE("mailbox: a control plane that takes nothing is told once, and memory stays bounded") {
  ControlPlane plane({.slots = 4});
  Queue queue(plane.mailbox());
  for (unsigned round = 0; round < 1000; ++round) queue.port->cancel(*queue.post(1));
  CHECK(plane.announcements() == 1);
  CHECK(plane.silent());
  queue.post(1);
  CHECK(plane.announcements() == 2);
}

TEST_CASE("mailbox: two queues, a busy control plane, every command answered once") {
  ControlPlane plane({.slots = 8});
  constexpr unsigned kCommands = 2000;
  std::thread answering([&] {
    for (unsigned i = 0; i < 2 * kCommands; ++i) {
      const MailboxMessage message = plane.next();
      CHECK(plane.mailbox().complete(message.token, {.status = message.header.cdb[0]}));
    }
  });
  std::vector<std::thread> queues;
  for (const uint8_t opcode : {1, 2})
    queues.emplace_back([&plane, opcode] {
      Queue queue(plane.mailbox());
      unsigned posted = 0;
      while (queue.log.size() < kCommands) {
        while (posted < kCommands && posted - queue.log.size() < 4 && queue.post(opcode)) ++posted;
        queue.collect();
      }
      for (const Queue::End& end : queue.log) CHECK(end.status == opcode);
    });
  for (std::thread& queue : queues) queue.join();
  answering.join();
}
