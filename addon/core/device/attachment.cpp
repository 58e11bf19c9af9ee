#include "core/device/attachment.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/base/duplicate_fd.h"
#include "core/base/wait.h"
#include "core/sandbox/sandbox.h"
#include "core/vhost_user/session.h"

namespace holdfast {
namespace {

/// Threads beyond the CPUs we may run on only take turns with each other.
size_t workerLimit(uint16_t queues) {
  cpu_set_t cpus;
  const int available = ::sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
  return std::clamp<size_t>(static_cast<size_t>(available), 1, queues);
}

bool isReadable(int fd) {
  return waitFor(-1, 0, fd, 0) == WaitResult::kStopped;
}

}  // namespace

Result<std::unique_ptr<Attachment>> Attachment::start(
    std::unique_ptr<virtio::DeviceModel> model,
    std::unique_ptr<vhost_user::ConnectionSource> source, Options options,
    std::optional<vhost_user::SessionState> session) {
  std::unique_ptr<Attachment> attachment(
      new Attachment(std::move(model), std::move(source), std::move(options)));
  if (!attachment->admission_.valid() || !attachment->standstill_.valid() ||
      !attachment->heard_.valid())
    return Error{EMFILE, "no file descriptor left for the attachment"};
  try {
    attachment->thread_ = std::thread(&Attachment::run, attachment.get(), std::move(session));
  } catch (const std::system_error& error) {
    return systemError("cannot start the control thread", error.code().value());
  }
  return attachment;
}

Attachment::Attachment(std::unique_ptr<virtio::DeviceModel> model,
                       std::unique_ptr<vhost_user::ConnectionSource> source, Options options)
    : model_(std::move(model)),
      source_(std::move(source)),
      options_(std::move(options)),
      counters_(model_->queueCount()),
      rings_(model_->queueCount()),
      workers_(workerLimit(model_->queueCount())),
      admission_(options_.admitted),
      allowance_(options_.stopTimeout),
      standstill_(options_.standsStill) {
  if (options_.standsStill) admission_.hold();
}

Attachment::~Attachment() {
  requestStop();
  if (thread_.joinable()) thread_.join();
}

void Attachment::requestStop() {
  stop_.signal();
  standstill_.end();
  admission_.wake();
}

void Attachment::resume() {
  standstill_.release();
  admission_.wake();
}

void Attachment::run(std::optional<vhost_user::SessionState> inherited) {
  using Kind = AttachmentEvent::Kind;
  ::pthread_setname_np(::pthread_self(), "hf-control");
  if (Status confined = sandbox::confineThread(sandbox::Confined::kControlThread); !confined) {
    options_.onEvent({Kind::kEnded, confined.error().message});
    return;
  }
  if (inherited)
    serve(vhost_user::Channel(std::move(inherited->connection)), std::move(inherited->told));
  std::string reason = serveConnections();
  workers_.clear();
  options_.onEvent({Kind::kEnded, std::move(reason)});
}

/// Until no more can come; returns why, empty if that is in order.
std::string Attachment::serveConnections() {
  while (!standstill_.isOver()) {
    auto next = source_->next(standstill_.eventFd());
    if (!next) return next.error().message;
    if (*next)
      serve(std::move(**next), {});
    else if (isReadable(standstill_.eventFd()))
      standStillNow(nullptr);
    else
      break;
  }
  return {};
}

/// All that the connection had, its sockets included, is gone when this returns.
void Attachment::serve(vhost_user::Channel channel, std::vector<vhost_user::Message> told) {
  using Kind = AttachmentEvent::Kind;
  options_.onEvent({Kind::kConnected, {}});
  Status end;
  {
    vhost_user::Session session(*this, std::move(channel), [this](const std::string& warning) {
      options_.onEvent({Kind::kWarning, warning});
    });
    const vhost_user::StandstillPoint standstill{
        .fd = standstill_.eventFd(),
        .reached = [this](const vhost_user::Session& reached) { standStillNow(&reached); }};
    end = session.run(stop_.get(), standstill, std::move(told));
  }
  options_.onEvent({Kind::kDisconnected, end ? std::string() : end.error().message});
  if (!options_.disconnectionIsHeard) return;
  (void)waitFor(heard_.get(), POLLIN, stop_.get());
  heard_.drain();
}

/// Between two messages, or two connections (null): returns when there is no demand any more.
void Attachment::standStillNow(const vhost_user::Session* session) {
  for (;;) {
    const uint64_t demand = standstill_.demanded();
    if (demand == Standstill::kNone) return;
    admission_.hold();
    tellOfStandstill(demand, session);
    while (standstill_.lasts(demand)) {
      (void)waitFor(-1, 0, standstill_.eventFd());
      (void)standstill_.demanded();
    }
    // What stands still until the end isn't served before it: another process may do that.
    if (standstill_.isOver()) return;
    admission_.release();
  }
}

void Attachment::tellOfStandstill(uint64_t demand, const vhost_user::Session* session) {
  if (demand == Standstill::kFromTheStart) {
    options_.onEvent({.kind = AttachmentEvent::Kind::kStandsStill});
  } else if (drainFor(demand)) {
    AttachmentEvent event = stateNow(session);
    event.demand = demand;
    options_.onEvent(std::move(event));
  }
}

/// Waits for what is in flight, but no longer than the demand lasts; returns whether it does.
bool Attachment::drainFor(uint64_t demand) {
  for (const auto& owner : workers_) {
    if (!owner) continue;
    owner->call([&] {
      bool drained = true;
      for (uint16_t i = 0; i < maxQueues(); ++i) {
        ServedQueue* served = owner->find(i);
        if (!served) continue;
        if (served->queue->inFlight() > 0) drained = false;
        served->queue->publish();
      }
      return drained || !standstill_.lasts(demand);
    });
  }
  return standstill_.lasts(demand);
}

AttachmentEvent Attachment::stateNow(const vhost_user::Session* session) const {
  AttachmentEvent event{.kind = AttachmentEvent::Kind::kStandsStill};
  auto listener = duplicateFd(source_->listeningSocket());
  if (!listener) {
    event.text = listener.error().message;
    return event;
  }
  event.state = std::make_shared<AttachmentState>();
  event.state->listener = std::move(*listener);
  if (!session) return event;
  auto state = session->state();
  if (state)
    event.state->session = std::move(*state);
  else
    event = {.kind = event.kind, .text = state.error().message};
  return event;
}

uint64_t Attachment::inFlight() const {
  uint64_t count = 0;
  for (const virtio::QueueCounters& counters : counters_) {
    const uint64_t completed = counters.completed.get();  // first: never more than started
    count += counters.started.get() - completed;
  }
  return count;
}

}  // namespace holdfast
