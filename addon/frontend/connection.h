#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "frontend/message_socket.h"
#include "frontend/protocol.h"

namespace holdfast::frontend {

/// The front end's end of a vhost-user connection: each message is one function. Nothing is
/// remembered and no order is enforced: a test may call them as it likes. Errors of all functions:
/// those of MessageSocket, and EREMOTEIO where the back end refused (a non-zero acknowledgement) or
/// answered with something else than was asked.
class Connection {
 public:
  explicit Connection(MessageSocket socket) : socket_(std::move(socket)) {}
  static Result<Connection> connect(const std::string& path);

  MessageSocket& socket() { return socket_; }

  /// From now on messages that have no reply of their own carry NEED_REPLY, and their functions
  /// wait for the acknowledgement. Off at first; REPLY_ACK must be negotiated.
  void setAskForReplies(bool ask) { askForReplies_ = ask; }

  Result<uint64_t> getFeatures() { return requestU64(Request::kGetFeatures); }
  Status setFeatures(uint64_t features) {
    return command(Request::kSetFeatures, bytesOf(features));
  }
  Result<uint64_t> getProtocolFeatures() { return requestU64(Request::kGetProtocolFeatures); }
  Status setProtocolFeatures(uint64_t features) {
    return command(Request::kSetProtocolFeatures, bytesOf(features));
  }
  Result<uint64_t> getQueueNum() { return requestU64(Request::kGetQueueNum); }
  Result<uint64_t> getMaxMemSlots() { return requestU64(Request::kGetMaxMemSlots); }
  Status setOwner() { return command(Request::kSetOwner); }
  Status resetOwner() { return command(Request::kResetOwner); }
  Status resetDevice() { return command(Request::kResetDevice); }

  /// `files` has one fd for each region.
  Status setMemTable(std::span<const RegionDescription> regions, std::span<const int> files);
  Status addMemReg(const RegionDescription& region, int file);
  Status remMemReg(const RegionDescription& region);

  /// The log is in `file`; waits for the answer, which says nothing.
  Status setLogBase(const LogDescription& log, int file);

  Status setVringNum(uint32_t index, uint32_t size);
  Status setVringAddr(const VringAddresses& addresses) {
    return command(Request::kSetVringAddr, bytesOf(addresses));
  }
  Status setVringBase(uint32_t index, uint32_t base);
  /// Stops the ring; returns its base.
  Result<uint32_t> getVringBase(uint32_t index);
  Status setVringEnable(uint32_t index, bool enabled);
  /// `fd` -1: "no fd" is said.
  Status setVringKick(uint32_t index, int fd) { return vringFd(Request::kSetVringKick, index, fd); }
  Status setVringCall(uint32_t index, int fd) { return vringFd(Request::kSetVringCall, index, fd); }
  Status setVringErr(uint32_t index, int fd) { return vringFd(Request::kSetVringErr, index, fd); }

  /// `size` bytes of the config space. Error EREMOTEIO also for the zero-length answer that means
  /// failure.
  Result<std::vector<std::byte>> getConfig(uint32_t offset, uint32_t size);
  Status setConfig(uint32_t offset, std::span<const std::byte> data, uint32_t flags = 0);

  /// The description and the file of a new inflight region.
  Result<std::pair<InflightDescription, UniqueFd>> getInflightFd(uint16_t queueCount,
                                                                 uint16_t queueSize);
  Status setInflightFd(const InflightDescription& description, int file) {
    return command(Request::kSetInflightFd, bytesOf(description), std::span(&file, 1));
  }

  /// Makes a socket pair and gives one end to the back end; returns ours.
  Result<MessageSocket> openBackendChannel();

  /// Sends `request`, with NEED_REPLY and the wait for the acknowledgement if asked for.
  Status command(Request request, std::span<const std::byte> payload = {},
                 std::span<const int> fds = {});
  /// Sends `request` and returns its reply.
  Result<Message> request(Request request, std::span<const std::byte> payload = {},
                          std::span<const int> fds = {});
  /// The next message, which must be a reply to `request`.
  Result<Message> receiveReply(Request request);

 private:
  Result<uint64_t> requestU64(Request request);
  Status vringFd(Request request, uint32_t index, int fd);

  MessageSocket socket_;
  bool askForReplies_ = false;
};

}  // namespace holdfast::frontend
