#include "initiator/session.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace holdfast::initiator {

using frontend::ScsiDriver;
using frontend::ScsiResult;

Result<std::unique_ptr<Session>> Session::open(const std::string& socketPath) {
  auto driver = ScsiDriver::openAndStart(socketPath, {.numQueues = 3, .queueSize = 512});
  if (!driver) return driver.error();
  std::unique_ptr<Session> session(new Session(std::move(*driver)));
  if (Status prepared = session->prepareSlots(); !prepared) return prepared.error();
  return session;
}

Status Session::prepareSlots() {
  for (Slot& slot : slots_) {
    auto request = driver_->makeRequest({}, {}, kDataSize, true);
    if (!request) return request.error();
    slot.request = *request;
  }
  return {};
}

Status Session::run(int in) {
  bool open = true;
  while (open || busy_ > 0) {
    if (Status waited = waitFor(open && busy_ < kSlots ? in : -1); !waited) return waited;
    if (open && busy_ < kSlots) open = readMore(in);
    if (Status served = serve(); !served) return served;
  }
  return {};
}

/// Starts what there are slots for and prints what has ended. reap() comes last: it asks for a call
/// when the next of those on their way ends.
Status Session::serve() {
  do {
    if (Status taken = takeLines(); !taken) return taken;
    if (Status reaped = reap(); !reaped) return reaped;
  } while (busy_ < kSlots && text_.find('\n') != std::string::npos);
  return {};
}

/// Until a command has ended or `in` can be read; -1: nothing is to be read now.
Status Session::waitFor(int in) {
  pollfd fds[] = {{driver_->queue(ScsiDriver::kFirstRequestQueue).callFd(), POLLIN, 0},
                  {driver_->connection().socket().fd(), POLLRDHUP, 0},
                  {in, POLLIN, 0}};
  if (::poll(fds, std::size(fds), -1) < 0 && errno != EINTR) return systemError("poll", errno);
  if (fds[1].revents) return Error{ECONNRESET, "the back end closed the connection"};
  if (fds[0].revents) {
    eventfd_t calls;  // taken, or it wakes us for ever
    ::eventfd_read(fds[0].fd, &calls);
  }
  return {};
}

/// False at the end.
bool Session::readMore(int in) {
  pollfd readable{in, POLLIN, 0};
  if (::poll(&readable, 1, 0) <= 0) return true;
  char buffer[1 << 16];
  const ssize_t got = ::read(in, buffer, sizeof buffer);
  text_.append(buffer, static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return got > 0;
}

Status Session::takeLines() {
  while (busy_ < kSlots) {
    const size_t end = text_.find('\n');
    if (end == std::string::npos) break;
    if (Status taken = takeLine(text_.substr(0, end)); !taken) return taken;
    text_.erase(0, end + 1);
  }
  return {};
}

Status Session::takeLine(const std::string& line) {
  const auto parsed = parseLine(line);
  if (!parsed) return parsed.error();
  if (const auto* command = std::get_if<CommandLine>(&*parsed)) return start(*command);
  if (const auto* migration = std::get_if<MigrationLine>(&*parsed)) return migrate(*migration);
  return manage(std::get<FunctionLine>(*parsed));
}

/// Prints `ID migration`.
Status Session::migrate(const MigrationLine& line) {
  if (!migration_) {
    auto migration = frontend::Migration::create(*driver_);
    if (!migration) return migration.error();
    migration_ = std::move(*migration);
  }
  using Step = MigrationLine::Step;
  Status done;
  switch (line.step) {
    case Step::kBegin:
      done = migration_->begin();
      break;
    case Step::kStop:
      done = migration_->stop();
      break;
    case Step::kEnd:
      done = migration_->end();
      break;
    case Step::kResume:
      done = migration_->resume();
  }
  if (!done) return done;
  std::printf("%s migration\n", line.id.c_str());
  std::fflush(stdout);
  return {};
}

Status Session::start(const CommandLine& command) {
  const bool tooLong = std::max<size_t>(command.dataOut.size(), command.dataInLength) > kDataSize;
  if (tooLong || command.cdb.size() > 32) return Error{EMSGSIZE, "the command is too long"};
  Slot& slot = *std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return !s.busy; });
  slot.id = command.id;
  ScsiDriver::Request request = slot.request;
  request.data.writable = command.dataInLength > 0;
  request.data.size =
      request.data.writable ? command.dataInLength : static_cast<uint32_t>(command.dataOut.size());
  slot.request.data = request.data;
  virtio_scsi_cmd_req& header = driver_->headerOf(request);
  header = {};
  std::copy(command.lun.begin(), command.lun.end(), header.lun);
  std::copy(command.cdb.begin(), command.cdb.end(), header.cdb);
  if (!command.dataOut.empty())
    std::memcpy(driver_->dataOf(request).data(), command.dataOut.data(), command.dataOut.size());
  const auto head = driver_->submit(request);
  if (!head) return head.error();
  slot.head = *head;
  slot.busy = true;
  ++busy_;
  return {};
}

Status Session::manage(const FunctionLine& function) {
  const auto response = driver_->manageTask(function.subtype, function.lun);
  if (!response) return response.error();
  std::printf("%s tmf %u\n", function.id.c_str(), *response);
  std::fflush(stdout);
  return {};
}

Status Session::reap() {
  auto& queue = driver_->queue(ScsiDriver::kFirstRequestQueue);
  while (busy_ > 0) {
    const auto used = queue.popWait(std::chrono::milliseconds(0));
    if (!used) return used.error().code == ETIMEDOUT ? Status() : Status(used.error());
    const auto slot = std::find_if(slots_.begin(), slots_.end(),
                                   [&](const Slot& s) { return s.busy && s.head == used->head; });
    if (slot == slots_.end()) return Error{EPROTO, "a chain came back that was not sent"};
    print(*slot, used->writtenBytes);
    slot->busy = false;
    --busy_;
  }
  return {};
}

/// `ID RESPONSE STATUS RESIDUAL SENSE DATA`
void Session::print(const Slot& slot, uint32_t writtenBytes) const {
  const ScsiResult result = driver_->resultOf(slot.request, writtenBytes);
  const auto& data = slot.request.data;
  const size_t moved = data.writable ? data.size - std::min(result.residual, data.size) : 0;
  std::printf("%s %u %u %u %s %s\n", slot.id.c_str(), result.response, result.status,
              result.residual, hexOf(result.sense).c_str(),
              hexOf(driver_->dataOf(slot.request).first(moved)).c_str());
  std::fflush(stdout);
}

}  // namespace holdfast::initiator
