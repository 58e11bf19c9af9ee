#include "core/scsi/event_queue.h"

#include <cerrno>

#include "core/io/iovec.h"

namespace holdfast::scsi {

Result<std::unique_ptr<virtio::QueueHandler>> EventQueue::create(virtio::Virtqueue& queue,
                                                                 EventLog& log,
                                                                 IoChannel& channel) {
  if (!log.valid()) return Error{EMFILE, "no file descriptor left for the queue"};
  if (Status watched = channel.watch(log.eventFd()); !watched) return watched.error();
  return std::unique_ptr<virtio::QueueHandler>(new EventQueue(queue, log, channel));
}

EventQueue::EventQueue(virtio::Virtqueue& queue, EventLog& log, IoChannel& channel)
    : queue_(queue), log_(log), channel_(channel) {
  log_.queueStarted();
}

EventQueue::~EventQueue() {
  log_.queueStopped();
  channel_.unwatch(log_.eventFd());
}

unsigned EventQueue::serve(unsigned budget) {
  unsigned served = 0;
  while (served < budget && !log_.empty() && queue_.pop(chain_)) {
    tell();
    ++served;
  }
  // The ring is empty: the driver is told that it missed something as soon as it isn't.
  if (served < budget && !log_.empty()) log_.dropAll();
  return served;
}

void EventQueue::tell() {
  MapEpoch& epoch = *queue_.begin();
  uint32_t written = 0;
  // A buffer that is too short goes back as it is, and the event waits for the next.
  if (!chain_.malformed && chain_.writableBytes >= sizeof(Event)) {
    const Event event = log_.take().value_or(Event{});
    written =
        static_cast<uint32_t>(scatter(chain_.writable(), chain_.writableCount(),
                                      reinterpret_cast<const std::byte*>(&event), sizeof event));
  }
  if (queue_.logsBuffers())
    queue_.markWritten(epoch, chain_.writable(), chain_.writableCount(), written);
  queue_.finish(epoch, chain_, written);
}

}  // namespace holdfast::scsi
