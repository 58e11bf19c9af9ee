#include "core/scsi/scsi_queue.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/io/iovec.h"
#include "core/scsi/block_execution.h"
#include "core/scsi/scsi_controller.h"

namespace holdfast::scsi {

Result<std::unique_ptr<virtio::QueueHandler>> ScsiQueue::create(virtio::Virtqueue& queue,
                                                                ScsiController& controller,
                                                                IoChannel& channel) {
  std::unique_ptr<ScsiQueue> handler(new ScsiQueue(queue, controller, channel));
  if (!handler->mail_.valid()) return Error{EMFILE, "no file descriptor left for the queue"};
  if (Status opened = handler->port_.open(); !opened) return opened.error();
  if (Status opened = handler->line_.open(); !opened) return opened.error();
  if (Status watched = channel.watch(handler->mail_.eventFd()); !watched) return watched.error();
  return std::unique_ptr<virtio::QueueHandler>(std::move(handler));
}

ScsiQueue::ScsiQueue(virtio::Virtqueue& queue, ScsiController& controller, IoChannel& channel)
    : queue_(queue),
      controller_(controller),
      channel_(channel),
      line_(*this, channel),
      units_(controller.units(), channel, line_),
      port_(controller.mailbox(), *this, channel),
      requestCount_(std::min(kMaxInFlight, queue.ring().size())),
      requests_(std::make_unique_for_overwrite<ScsiRequest[]>(requestCount_)) {
  for (ScsiRequest& request : requests()) {
    request.owner = this;
    request.nextFree = free_;
    free_ = &request;
  }
  controller_.queues().join(mail_);
}

ScsiQueue::~ScsiQueue() {
  controller_.queues().leave(mail_);
  for (TaskFunction* function : mail_.take()) function->leave(false);
  for (const PendingFunction& pending : functions_) pending.function->leave(pending.found);
  channel_.unwatch(mail_.eventFd());
}

unsigned ScsiQueue::serve(unsigned budget) {
  unsigned served = 0;
  while (served < budget && wantsChains() && queue_.pop(free_->chain)) {
    ScsiRequest& request = *free_;
    free_ = request.nextFree;
    begin(request);
    ++served;
  }
  return served;
}

unsigned ScsiQueue::collect() {
  units_.refresh();
  for (TaskFunction* function : mail_.take()) beginFunction(*function);
  unsigned ended = port_.collect(queue_.giveUpAt());
  ended += line_.collect(queue_.giveUpAt());
  if (!line_.empty() && units_.anyLeaving()) ended += endWaitingOfRemoved();
  if (!functions_.empty()) settleFunctions();
  return ended;
}

void ScsiQueue::begin(ScsiRequest& request) {
  request.epoch = queue_.begin();
  request.number = nextNumber_++;
  request.cancelled = Response::kOk;
  request.address = {};
  request.unit = nullptr;
  request.transferSize = 0;
  request.bounced = false;
  if (!request.frame()) return finish(request, failed(Response::kFailure));
  request.address = LunAddress::decode(request.header.lun);
  // INOUT is never negotiated (virtio 1.4, 5.6.6.1).
  if (request.dataOut.size > 0 && request.dataIn.size > 0)
    return finish(request, failed(Response::kFailure));
  if (const Response response = cancelledBefore(request); response != Response::kOk)
    return finish(request, failed(response));
  dispatch(request);
}

void ScsiQueue::dispatch(ScsiRequest& request) {
  const LunAddress& address = request.address;
  switch (address.kind) {
    case LunAddress::Kind::kInvalid:
      return finish(request, failed(Response::kBadTarget));
    case LunAddress::Kind::kReportLuns:
      return post(request);
    case LunAddress::Kind::kOtherOfTarget:
    case LunAddress::Kind::kLogicalUnit:
      break;
  }
  // After the chain was taken: a guest that was told of a new disk finds it.
  units_.refresh();
  if (!units_.hasTarget(address.target)) return finish(request, failed(Response::kBadTarget));
  if (address.kind == LunAddress::Kind::kLogicalUnit)
    request.unit = units_.find(address.target, address.lun);
  if (!request.unit) return post(request);

  units_.begin(*request.unit);
  const LogicalUnit& unit = *request.unit->unit;
  const auto operation = blockOperationOf(request.header.cdb[0]);
  if (!operation || !isOffered(*operation, unit.limits()) || unit.fence().attentionPending())
    return post(request);
  serveNatively(request);
}

void ScsiQueue::serveNatively(ScsiRequest& request) {
  const BlockOperation operation = *blockOperationOf(request.header.cdb[0]);
  AccessFence& fence = request.unit->unit->fence();
  // Queues, and so workers, differ in the lane they use.
  switch (line_.enter(request, fence, queue_.index(), accessOf(operation))) {
    case AccessFence::Entry::kPassed:
      return executeInside(request);
    case AccessFence::Entry::kConflict:
      return finish(request, ended(ScsiStatus::kReservationConflict));
    case AccessFence::Entry::kHeld:
      request.stage = ScsiRequest::Stage::kFence;
  }
}

void ScsiQueue::executeInside(ScsiRequest& request) {
  if (auto outcome = prepareBlockCommand(request)) return finish(request, *outcome);
  start(request);
}

void ScsiQueue::start(ScsiRequest& request) {
  request.stage = ScsiRequest::Stage::kMedium;
  channel_.start(request);
}

void ScsiQueue::post(ScsiRequest& request) {
  MailboxHeader message{.target = request.address.target, .leftOver = request.chain.leftOver};
  std::copy(request.header.lun.begin(), request.header.lun.end(), message.lun.begin());
  std::copy(request.header.cdb.begin(), request.header.cdb.end(), message.cdb.begin());
  // The data of block commands stays here: the control plane only decides whether they may run.
  const bool movesBlocks = request.unit && blockOperationOf(request.header.cdb[0]).has_value();
  const virtio::GuestBuffer data = movesBlocks ? virtio::GuestBuffer{} : request.dataOut;
  request.stage = ScsiRequest::Stage::kMailbox;
  if (!port_.post(request, message, data.iov, data.count))
    finish(request, ended(ScsiStatus::kTaskSetFull));
}

void ScsiQueue::answered(MailboxEntry& entry, MailboxReply& reply) {
  auto& request = static_cast<ScsiRequest&>(entry);
  if (reply.natively) {
    const auto operation = blockOperationOf(request.header.cdb[0]);
    if (request.unit && operation && isOffered(*operation, request.unit->unit->limits()))
      return serveNatively(request);
    return finish(request, checkCondition(sense::kInternalTargetFailure));
  }
  const size_t given =
      scatter(request.dataIn.iov, request.dataIn.count, reply.dataIn.data(), reply.dataIn.size());
  CommandOutcome outcome{.status = static_cast<ScsiStatus>(reply.status), .transferred = given};
  if (given < reply.dataIn.size()) outcome.response = Response::kOverrun;
  if (outcome.status == ScsiStatus::kGood)
    outcome.transferred += std::min<uint64_t>(request.dataOut.size, Mailbox::kParameterDataMax);
  const auto* sense = reinterpret_cast<const uint8_t*>(reply.sense.data());
  finish(request, outcome, {sense, std::min(reply.sense.size(), kSenseSize)}, given);
}

void ScsiQueue::timedOut(MailboxEntry& entry) {
  finish(static_cast<ScsiRequest&>(entry), checkCondition(sense::kCommunicationTimeout));
}

void ScsiQueue::cutOff(MailboxEntry& entry) {
  finish(static_cast<ScsiRequest&>(entry), ended(ScsiStatus::kBusy));
}

void ScsiQueue::released(FenceEntry& entry) {
  auto& request = static_cast<ScsiRequest&>(entry);
  if (request.metConflict) return channel_.startAgain(request);
  AccessFence& fence = request.unit->unit->fence();
  if (!fence.attentionPending()) return executeInside(request);
  fence.leave(request.pass);
  post(request);
}

void ScsiQueue::refused(FenceEntry& entry) {
  auto& request = static_cast<ScsiRequest&>(entry);
  if (!request.metConflict && request.unit->unit->fence().attentionPending()) return post(request);
  finish(request, ended(ScsiStatus::kReservationConflict));
}

void ScsiQueue::givenUp(FenceEntry& entry) {
  finish(static_cast<ScsiRequest&>(entry), ended(ScsiStatus::kBusy));
}

/// Their disk can be let go only when they have ended.
unsigned ScsiQueue::endWaitingOfRemoved() {
  unsigned count = 0;
  for (ScsiRequest& request : requests()) {
    if (!request.waits() || !request.unit->leaving) continue;
    line_.cancel(request);
    finish(request, failed(Response::kBadTarget));
    ++count;
  }
  return count;
}

void ScsiQueue::complete(IoRequest& ioRequest) {
  auto& request = static_cast<ScsiRequest&>(ioRequest);
  if (request.syncFirst && request.result == 0 && request.cancelled == Response::kOk) {
    request.syncFirst = false;
    request.kind = IoKind::kRead;
    return start(request);
  }
  if (request.cancelled != Response::kOk) return finish(request, failed(request.cancelled));
  if (request.result == -EBADE && line_.awaitVerdict(request)) return;
  finish(request, outcomeOfBlockCommand(request));
}

/// A function that came while the request was still in the ring ends it before it begins.
Response ScsiQueue::cancelledBefore(const ScsiRequest& request) {
  for (PendingFunction& pending : functions_) {
    if (request.number >= pending.end || !pending.function->concerns(request)) continue;
    pending.found = true;
    return pending.function->cancelledAs();
  }
  return Response::kOk;
}

void ScsiQueue::beginFunction(TaskFunction& function) {
  // Chains that were in the ring by now count as received: the driver reuses their memory.
  const uint64_t waiting = std::min<uint64_t>(queue_.ring().available(), queue_.ring().size());
  PendingFunction pending{.function = &function, .end = nextNumber_ + waiting, .found = false};
  for (ScsiRequest& request : requests()) {
    if (request.stage == ScsiRequest::Stage::kFree || !function.concerns(request)) continue;
    pending.found = true;
    if (function.isQuery()) continue;
    request.cancelled = function.cancelledAs();
    if (request.waits())
      line_.cancel(request);
    else if (request.stage == ScsiRequest::Stage::kMailbox)
      port_.cancel(request);
    else
      continue;
    finish(request, failed(request.cancelled));
  }
  if (function.isQuery())
    function.leave(pending.found);
  else
    functions_.push_back(pending);
}

void ScsiQueue::settleFunctions() {
  const auto settled = [this](const PendingFunction& pending) {
    // A ring that isn't served holds nothing back: what is in it may stay there for ever.
    const bool received = nextNumber_ >= pending.end || !queue_.serving();
    if (!received || concernsUnfinished(pending)) return false;
    queue_.publish();  // the responses come first
    pending.function->leave(pending.found);
    return true;
  };
  std::erase_if(functions_, settled);
}

bool ScsiQueue::concernsUnfinished(const PendingFunction& pending) const {
  const auto unfinished = [&pending](const ScsiRequest& request) {
    return request.stage != ScsiRequest::Stage::kFree && request.number < pending.end &&
           pending.function->concerns(request);
  };
  return std::ranges::any_of(requests(), unfinished);
}

void ScsiQueue::finish(ScsiRequest& request, const CommandOutcome& outcome) {
  std::array<uint8_t, Sense::kEncodedMax> data;
  size_t size = 0;
  if (outcome.sense) {
    const bool descriptors = request.unit && request.unit->unit->settings().descriptorSense;
    size = outcome.sense->encode(descriptors, data);
  }
  // Of a failed read, too: the kernel may have written to any of its pages.
  const bool read = request.stage == ScsiRequest::Stage::kMedium &&
                    request.command.operation == BlockOperation::kRead;
  finish(request, outcome, std::span(data).first(size), read ? request.transferSize : 0);
}

void ScsiQueue::finish(ScsiRequest& request, const CommandOutcome& outcome,
                       std::span<const uint8_t> sense, uint64_t givenSize) {
  // The response may begin in the data's first buffer, which is not to be told from it any more.
  if (queue_.logsBuffers()) [[unlikely]]
    queue_.markWritten(*request.epoch, request.dataIn.iov, request.dataIn.count, givenSize);
  const uint64_t header = request.respond(outcome, sense);
  if (queue_.logsBuffers()) [[unlikely]]
    queue_.markWritten(*request.epoch, request.chain.writable(), request.chain.writableCount(),
                       header);
  count(request, outcome);
  if (request.unit) {
    request.unit->unit->fence().leave(request.pass);
    units_.end(*request.unit);
  }
  request.scratch.reset();
  request.stage = ScsiRequest::Stage::kFree;
  const auto written = static_cast<uint32_t>(std::min<uint64_t>(header + givenSize, UINT32_MAX));
  queue_.finish(*request.epoch, request.chain, written);
  request.nextFree = free_;
  free_ = &request;
}

void ScsiQueue::count(const ScsiRequest& request, const CommandOutcome& outcome) {
  virtio::QueueCounters& counters = queue_.counters();
  counters.requests.add();
  if (request.bounced) counters.bounced.add();
  if (outcome.response != Response::kOk || outcome.status != ScsiStatus::kGood) {
    counters.failed.add();
    return;
  }
  if (request.stage != ScsiRequest::Stage::kMedium) return;
  switch (request.command.operation) {
    case BlockOperation::kRead:
      return counters.readBytes.add(request.transferSize);
    case BlockOperation::kWrite:
    case BlockOperation::kWriteAndVerify:
      return counters.writtenBytes.add(request.transferSize);
    case BlockOperation::kSynchronizeCache:
      return counters.flushes.add();
    case BlockOperation::kUnmap:
      return counters.discards.add();
    case BlockOperation::kWriteSame:
    case BlockOperation::kCompareAndWrite:
    case BlockOperation::kVerify:
      break;
  }
}

}  // namespace holdfast::scsi
