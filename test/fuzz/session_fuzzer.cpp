/// A hostile front end: any sequence of messages, well formed or not, with any descriptors, to a
/// disk that is served for real (threads, rings, memory). It must come to an end when the front end
/// hangs up, and leave no descriptor open.
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "core/blk/blk_device.h"
#include "core/device/attachment.h"
#include "core/scsi/scsi_controller.h"
#include "core/vhost_user/passed_socket.h"
#include "disk_image.h"
#include "frontend/message_socket.h"
#include "frontend/protocol.h"
#include "guest.h"
#include "input.h"

namespace holdfast::fuzz {
namespace {

using frontend::MessageSocket;
using frontend::Request;

constexpr uint64_t kFrontendBase = 0x7f0000000000;

Guest& guest() {
  static Guest instance;
  return instance;
}

/// Without pipes, which no script passes: they are the sanitizer's to its symbolizer.
size_t openDescriptors() {
  size_t count = 0;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (!gone && !target.starts_with("pipe:")) ++count;
  }
  return count;
}

/// A device as a server has it; its commands for the control plane are never answered.
class Server {
 public:
  Server(UniqueFd socket, bool scsi) : mailbox_({}, [] {}) {
    std::unique_ptr<virtio::DeviceModel> model;
    if (scsi) {
      auto controller = std::make_unique<scsi::ScsiController>(
          scsi::ScsiOptions{.requestQueueCount = 2, .config = true}, mailbox_);
      auto fence = std::make_shared<AccessFence>();
      fence->set({.reads = true, .writes = true});
      (void)controller->addUnit({.disk = sharedDisk(), .fence = fence, .limits = {}});
      model = std::move(controller);
    } else {
      const blk::BlkOptions options{.queueCount = 4, .configWce = true};
      model = std::make_unique<blk::BlkDevice>(options, *sharedDisk());
    }
    auto source = vhost_user::adoptSocket(std::move(socket));
    if (!source) std::abort();
    Attachment::Options options;
    options.stopTimeout = 0;
    options.onEvent = [this](const AttachmentEvent& event) {
      if (event.kind == AttachmentEvent::Kind::kEnded) ended_.set_value();
    };
    auto attachment = Attachment::start(std::move(model), std::move(*source), std::move(options));
    if (!attachment) std::abort();
    attachment_ = std::move(*attachment);
  }

  void waitForEnd() { ended_.get_future().wait(); }

 private:
  Mailbox mailbox_;
  std::promise<void> ended_;
  std::unique_ptr<Attachment> attachment_;
};

/// Sends what the input says.
class Script {
 public:
  Script(Input input, MessageSocket socket) : input_(input), socket_(std::move(socket)) {}

  void run() {
    for (int steps = 0; steps < 200 && !input_.empty(); ++steps)
      if (!step()) break;
    ::shutdown(socket_.fd(), SHUT_WR);
    while (socket_.receive()) {
    }
  }

 private:
  bool step() {
    const uint8_t kind = input_.take<uint8_t>();
    switch (kind % 16) {
      case 0:
        return raw();
      case 1:
        return send(Request::kSetFeatures, input_.take<uint64_t>());
      case 2:
        return send(Request::kSetProtocolFeatures, input_.take<uint64_t>());
      case 3:
        return addRegion(Request::kAddMemReg);
      case 4:
        return addRegion(Request::kRemMemReg);
      case 5:
        return setMemTable();
      case 6:
        return send(Request::kSetVringNum, frontend::VringState{index(), 1U << input_.upTo(9)});
      case 7:
        return setAddresses();
      case 8:
        return send(Request::kSetVringBase, frontend::VringState{index(), input_.take<uint8_t>()});
      case 9:
        return send(Request::kSetVringKick, uint64_t{index()}, true);
      case 10:
        return send(Request::kSetVringCall, uint64_t{index()}, true);
      case 11:
        return send(Request::kSetVringEnable, frontend::VringState{index(), input_.flag()});
      case 12:
        return send(Request::kGetVringBase, frontend::VringState{index(), 0});
      case 13: {
        const uint64_t address = input_.upTo(0x3fff);
        guest().write(address, input_.takeBytes(input_.upTo(64)));
        return true;
      }
      case 14:
        return send(static_cast<Request>(input_.upTo(45)), input_.take<uint64_t>(), input_.flag());
      default:
        return kickAll();
    }
  }

  /// Anything, header included.
  bool raw() {
    std::vector<int> fds;
    std::vector<UniqueFd> owned;
    for (uint32_t i = input_.upTo(9); i > 0; --i) {
      owned.push_back(descriptor());
      if (owned.back()) fds.push_back(owned.back().get());
    }
    const auto bytes = input_.takeBytes(input_.upTo(80));
    if (bytes.empty()) return true;
    return socket_.sendRaw(std::as_bytes(bytes), fds).ok();
  }

  template <typename Payload>
  bool send(Request request, const Payload& payload, bool withDescriptor = false) {
    UniqueFd fd;
    if (withDescriptor) fd = descriptor();
    if (fd && (request == Request::kSetVringKick)) kicks_.push_back(UniqueFd(::dup(fd.get())));
    const int sent = fd.get();
    const std::span<const int> fds(&sent, fd ? 1 : 0);
    const uint32_t flags = frontend::kVersion | (input_.flag() ? frontend::kNeedReplyFlag : 0);
    return socket_.send(static_cast<uint32_t>(request), flags, frontend::bytesOf(payload), fds)
        .ok();
  }

  RegionDescription region() {
    if (input_.flag()) {
      return {.guestAddr = 0,
              .size = Guest::kMemorySize,
              .frontendAddr = kFrontendBase,
              .mmapOffset = 0};
    }
    return {.guestAddr = input_.take<uint64_t>(),
            .size = input_.take<uint64_t>(),
            .frontendAddr = input_.take<uint64_t>(),
            .mmapOffset = input_.take<uint64_t>()};
  }

  bool addRegion(Request request) {
    return send(request, frontend::SingleRegion{.region = region()}, true);
  }

  bool setMemTable() {
    struct {
      frontend::MemTableHeader header;
      RegionDescription regions[2];
    } table{};
    table.header.regionCount = input_.upTo(3);
    for (RegionDescription& each : table.regions) each = region();
    const UniqueFd first = descriptor();
    const UniqueFd second = descriptor();
    const int fds[] = {first.get(), second.get()};
    if (!first || !second) return true;
    return socket_
        .send(static_cast<uint32_t>(Request::kSetMemTable), frontend::kVersion,
              frontend::bytesOf(table), fds)
        .ok();
  }

  bool setAddresses() {
    frontend::VringAddresses addresses{.index = index(), .flags = input_.upTo(1)};
    for (uint64_t* address :
         {&addresses.descriptorAddr, &addresses.usedAddr, &addresses.availableAddr}) {
      *address = kFrontendBase + 2 * input_.upTo(0x3fff);
      if (input_.take<uint8_t>() == 0xff) *address = input_.take<uint64_t>();
    }
    addresses.logAddr = input_.upTo(0xff);
    return send(Request::kSetVringAddr, addresses);
  }

  bool kickAll() {
    for (const UniqueFd& kick : kicks_) {
      const uint64_t one = 1;
      (void)!::write(kick.get(), &one, sizeof one);
    }
    return true;
  }

  uint32_t index() {
    const auto index = input_.take<uint8_t>();
    return index == 0xff ? input_.take<uint32_t>() : index % 5;
  }

  UniqueFd descriptor() {
    switch (input_.take<uint8_t>() % 8) {
      case 0:
        return UniqueFd(::memfd_create("short", MFD_CLOEXEC));
      case 1:
        return UniqueFd(::socket(AF_UNIX, SOCK_STREAM, 0));
      case 2:
        return UniqueFd();
      case 3:
      case 4:
        return guest().duplicate();
      default:
        return UniqueFd(::eventfd(0, EFD_NONBLOCK));
    }
  }

  Input input_;
  MessageSocket socket_;
  std::vector<UniqueFd> kicks_;
};

void serveOne(Input input) {
  guest().clear();
  const bool scsi = input.flag();
  auto pair = MessageSocket::makePair();
  if (!pair) std::abort();
  Server server(std::move(pair->second), scsi);
  Script(input, std::move(pair->first)).run();
  server.waitForEnd();
}

}  // namespace
}  // namespace holdfast::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace holdfast::fuzz;
  sharedDisk();
  guest();
  static const size_t before = openDescriptors();
  serveOne(Input(data, size));
  if (openDescriptors() != before) {
    std::fprintf(stderr, "%zu descriptors instead of %zu\n", openDescriptors(), before);
    std::abort();
  }
  return 0;
}
