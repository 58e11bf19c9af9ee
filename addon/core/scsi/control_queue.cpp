#include "core/scsi/control_queue.h"

#include <algorithm>
#include <cerrno>

#include "core/io/iovec.h"
#include "core/scsi/scsi_controller.h"

namespace holdfast::scsi {
namespace {

template <typename T>
bool copyHeader(virtio::DescriptorChain& chain, T& header) {
  return gather(chain.readable(), chain.readableCount, reinterpret_cast<std::byte*>(&header),
                sizeof header) == sizeof header;
}

/// What the commands it ends are answered with; kOk: it ends none.
Response cancellationBy(uint32_t function) {
  switch (function) {
    case kAbortTask:
    case kAbortTaskSet:
    case kClearTaskSet:
      return Response::kAborted;
    case kNexusReset:
    case kLogicalUnitReset:
      return Response::kReset;
    default:
      return Response::kOk;
  }
}

TaskFunction::Scope scopeOf(uint32_t function) {
  switch (function) {
    case kAbortTask:
    case kQueryTask:
      return TaskFunction::Scope::kTask;
    case kNexusReset:
      return TaskFunction::Scope::kTarget;
    default:
      return TaskFunction::Scope::kLogicalUnit;
  }
}

}  // namespace

Result<std::unique_ptr<virtio::QueueHandler>> ControlQueue::create(virtio::Virtqueue& queue,
                                                                   ScsiController& controller,
                                                                   IoChannel& channel) {
  std::unique_ptr<ControlQueue> handler(new ControlQueue(queue, controller, channel));
  if (!handler->done_.valid()) return Error{EMFILE, "no file descriptor left for the queue"};
  if (Status opened = handler->port_.open(); !opened) return opened.error();
  if (Status watched = channel.watch(handler->done_.eventFd()); !watched) return watched.error();
  return std::unique_ptr<virtio::QueueHandler>(std::move(handler));
}

ControlQueue::ControlQueue(virtio::Virtqueue& queue, ScsiController& controller, IoChannel& channel)
    : queue_(queue),
      controller_(controller),
      channel_(channel),
      port_(controller.mailbox(), *this, channel) {
  for (unsigned i = 0; i < kMaxInFlight; ++i) {
    requests_.push_back(std::make_unique<Request>(done_));
    requests_.back()->nextFree = free_;
    free_ = requests_.back().get();
  }
}

ControlQueue::~ControlQueue() {
  channel_.unwatch(done_.eventFd());
}

unsigned ControlQueue::serve(unsigned budget) {
  unsigned served = 0;
  while (served < budget && free_ && queue_.pop(free_->chain)) {
    Request& request = *free_;
    free_ = request.nextFree;
    request.epoch = queue_.begin();
    begin(request);
    ++served;
  }
  return served;
}

unsigned ControlQueue::collect() {
  const std::vector<TaskFunction*> done = done_.take();
  for (TaskFunction* function : done) functionDone(*static_cast<Request*>(function));
  return static_cast<unsigned>(done.size()) + port_.collect(queue_.giveUpAt());
}

void ControlQueue::begin(Request& request) {
  virtio::DescriptorChain& chain = request.chain;
  uint32_t type;
  if (chain.malformed || !copyHeader(chain, type)) return finish(request, nullptr, 0);
  switch (type) {
    case kTaskManagement:
      return beginFunction(request);
    case kAsyncQuery:
    case kAsyncSubscribe:
      return answerAsync(request);
    default:
      // Where its response byte would be is not known.
      return finish(request, nullptr, 0);
  }
}

void ControlQueue::answerAsync(Request& request) {
  AsyncRequest header;
  AsyncResponse response{};
  if (!copyHeader(request.chain, header) || request.chain.writableBytes < sizeof response)
    return finish(request, nullptr, 0);
  const LunAddress address = LunAddress::decode(header.lun);
  const bool present = address.kind == LunAddress::Kind::kLogicalUnit &&
                       controller_.units().find(address.target, address.lun) != nullptr;
  response.response = static_cast<uint8_t>(present ? Response::kOk : Response::kBadTarget);
  finish(request, &response, sizeof response);
}

void ControlQueue::beginFunction(Request& request) {
  if (!copyHeader(request.chain, request.header) || request.chain.writableBytes < 1)
    return finish(request, nullptr, 0);
  const TaskManagementRequest& header = request.header;
  if (const auto refusal = refusalOf(header)) return finish(request, *refusal);
  request.begin(scopeOf(header.subtype), LunAddress::decode(header.lun), header.tag,
                cancellationBy(header.subtype));
  controller_.queues().spread(request);
}

std::optional<Response> ControlQueue::refusalOf(const TaskManagementRequest& header) const {
  // No command gets far enough to leave an ACA behind: NACA is refused.
  if (header.subtype > kQueryTaskSet || header.subtype == kClearAca)
    return Response::kFunctionRejected;
  const LunAddress address = LunAddress::decode(header.lun);
  const bool ofTarget = address.kind == LunAddress::Kind::kLogicalUnit ||
                        address.kind == LunAddress::Kind::kOtherOfTarget;
  if (!ofTarget || !controller_.units().hasTarget(address.target)) return Response::kBadTarget;
  if (scopeOf(header.subtype) == TaskFunction::Scope::kTarget) return {};
  const bool present = address.kind == LunAddress::Kind::kLogicalUnit &&
                       controller_.units().find(address.target, address.lun) != nullptr;
  return present ? std::nullopt : std::optional(Response::kIncorrectLun);
}

void ControlQueue::functionDone(Request& request) {
  const TaskManagementRequest& header = request.header;
  if (request.isQuery())
    return finish(request, request.found() ? Response::kFunctionSucceeded : Response::kOk);
  if (request.cancelledAs() != Response::kReset) return finish(request, Response::kOk);

  MailboxHeader message{.kind = header.subtype == kNexusReset ? MailboxKind::kNexusReset
                                                              : MailboxKind::kLogicalUnitReset,
                        .target = header.lun[1],
                        .lun = header.lun};
  if (!port_.post(request, message, nullptr, 0)) finish(request, Response::kFailure);
}

void ControlQueue::answered(MailboxEntry& entry, MailboxReply&) {
  finish(static_cast<Request&>(entry), Response::kOk);
}

void ControlQueue::timedOut(MailboxEntry& entry) {
  finish(static_cast<Request&>(entry), Response::kFailure);
}

void ControlQueue::cutOff(MailboxEntry& entry) {
  finish(static_cast<Request&>(entry), Response::kFailure);
}

void ControlQueue::finish(Request& request, Response response) {
  finish(request, &response, sizeof response);
}

void ControlQueue::finish(Request& request, const void* response, size_t size) {
  virtio::DescriptorChain& chain = request.chain;
  const size_t written = scatter(chain.writable(), chain.writableCount(),
                                 static_cast<const std::byte*>(response), size);
  if (queue_.logsBuffers())
    queue_.markWritten(*request.epoch, chain.writable(), chain.writableCount(), written);
  queue_.counters().requests.add();
  queue_.finish(*request.epoch, chain, static_cast<uint32_t>(written));
  request.nextFree = free_;
  free_ = &request;
}

}  // namespace holdfast::scsi
