#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "frontend/guest_memory.h"
#include "frontend/message_socket.h"
#include "frontend/protocol.h"
#include "frontend/virtqueue.h"

namespace holdfast::sessions {

using frontend::bytesOf;
using frontend::MessageSocket;
using frontend::Request;

using Bytes = std::vector<std::byte>;
using Fds = std::vector<int>;

/// The bytes of several structs, one after the other.
template <typename... Parts>
Bytes pack(const Parts&... parts) {
  Bytes bytes;
  const auto append = [&](std::span<const std::byte> part) {
    bytes.insert(bytes.end(), part.begin(), part.end());
  };
  (append(bytesOf(parts)), ...);
  return bytes;
}

/// One front end's session with a back end, and its transcript: what came back, line by line, in
/// words that leave out what may rightly differ from one back end to another. Once the connection
/// has ended all further steps do nothing. Where a method says "notes", a line is added.
class Script {
 public:
  static constexpr uint64_t kGuestBase = uint64_t{1} << 30;
  static constexpr uint64_t kMemorySize = uint64_t{4} << 20;
  static constexpr uint16_t kRingSize = 64;

  static constexpr uint64_t kFeatures =
      frontend::kVirtioVersion1Bit | frontend::kProtocolFeaturesBit |
      1ULL << frontend::kFeatureIndirect | 1ULL << 9 /* VIRTIO_BLK_F_FLUSH */;
  static constexpr uint64_t kProtocolFeatures =
      frontend::protocol_feature::kMultiqueue | frontend::protocol_feature::kReplyAck |
      frontend::protocol_feature::kConfig | frontend::protocol_feature::kConfigureMemSlots |
      frontend::protocol_feature::kBackendReq;

  explicit Script(MessageSocket socket);

  const std::vector<std::string>& transcript() const { return transcript_; }
  bool ended() const { return ended_; }
  /// Whether a request was acknowledged with failure, or not at all.
  bool refused() const { return refused_ || ended_; }
  void note(std::string line);
  /// Notes whether the back end still answers.
  void close();

  /// Sends what is not answered.
  void tell(Request request, const Bytes& payload = {}, const Fds& fds = {});
  /// Sends bytes as they are.
  void tellRaw(const Bytes& bytes, const Fds& fds = {});
  /// Sends a request that is answered, be it by an acknowledgement, and notes the answer.
  void ask(Request request, const Bytes& payload = {}, const Fds& fds = {});
  /// The same, but an acknowledgement of success is not noted, nor is what else it answers with.
  std::optional<frontend::Message> say(Request request, const Bytes& payload = {},
                                       const Fds& fds = {});
  /// Notes the next message, as the answer to `request`.
  void noteAnswer(Request request);
  /// The next message; notes if there is none.
  std::optional<frontend::Message> receive(Request request);
  /// Says that nothing more is sent, and notes what the back end makes of that.
  void hangUp();

  /// From now on the back end can't send anything.
  void stopReading();
  /// Goes without a look at what becomes of the connection.
  void leave();

  /// GET and SET of both kinds of features, and SET_OWNER.
  void negotiate(uint64_t features = kFeatures, uint64_t protocolFeatures = kProtocolFeatures);
  /// ADD_MEM_REG for all of memory().
  void shareMemory();
  /// CALL, ERR, NUM, BASE, ADDR, KICK, ENABLE.
  void startRing(uint16_t index = 0);
  /// All of that.
  void start(uint64_t features = kFeatures, uint64_t protocolFeatures = kProtocolFeatures);

  frontend::GuestMemory& memory() { return memory_; }
  frontend::Virtqueue& queue(uint16_t index = 0);
  frontend::SplitRing& ring(uint16_t index = 0) { return queue(index).split(); }
  frontend::VringAddresses addresses(uint16_t index = 0);

  void callFd(uint16_t index = 0);
  void errFd(uint16_t index = 0);
  void size(uint32_t descriptors = kRingSize, uint16_t index = 0);
  void base(uint32_t base = 0, uint16_t index = 0);
  void address(uint16_t index = 0);
  void kickFd(uint16_t index = 0);
  void enable(bool enabled, uint16_t index = 0);
  /// GET_VRING_BASE; notes the base.
  void stop(uint16_t index = 0);

  /// Where requests lie in guest memory: header, status byte, data.
  uint64_t header() const { return header_; }
  uint64_t status() const { return header_ + 64; }
  uint64_t data() const { return header_ + 4096; }
  uint64_t table() const { return header_ + 1024; }
  static constexpr uint32_t kDataSize = 64 * 1024;
  void writeHeader(uint32_t type, uint64_t sector);
  std::span<std::byte> dataBytes(uint32_t size);

  /// A request of three descriptors as drivers make it: notes its status.
  void request(const std::string& name, uint32_t type, uint64_t sector, uint32_t size,
               uint16_t index = 0);
  /// The same, a sector that is read; notes also whether it is as the image has it.
  void read(uint64_t sector = 3, uint16_t index = 0);
  /// Writes descriptors into the table from place 0, shows head 0 and notes what becomes of it.
  void chain(const std::string& name, std::span<const frontend::Descriptor> descriptors);
  void chain(const std::string& name, std::initializer_list<frontend::Descriptor> descriptors) {
    chain(name, std::span(descriptors.begin(), descriptors.size()));
  }
  /// Shows a head; notes what becomes of it.
  void submit(const std::string& name, uint16_t head, uint16_t index = 0);
  /// Notes what becomes of a head that was shown before.
  void awaitUsed(const std::string& name, uint16_t index = 0);
  /// Shows a head and waits for it; notes only what goes wrong.
  void submitQuietly(uint16_t head);
  /// What the last of those wrote to the used ring as its length.
  uint32_t usedLength() const { return used_.writtenBytes; }

 private:
  static constexpr std::chrono::seconds kAnswerTime{20};
  /// A chain that is not answered by then never is; the device is idle.
  static constexpr std::chrono::seconds kChainTime{4};

  void send(Request request, const Bytes& payload, const Fds& fds, bool answered);
  /// Whether it says that all went well.
  bool judge(const frontend::Message& acknowledgement);
  void end(const std::string& where);
  void show(uint16_t head, uint16_t index);
  std::string outcomeOf(uint16_t index);
  std::string statusText() const;

  MessageSocket socket_;
  frontend::GuestMemory memory_;
  std::deque<frontend::Virtqueue> queues_;
  uint64_t header_ = 0;
  frontend::Used used_;
  bool ended_ = false;
  bool refused_ = false;
  std::vector<std::string> transcript_;
};

}  // namespace holdfast::sessions
