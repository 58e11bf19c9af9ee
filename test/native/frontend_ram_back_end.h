#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "core/base/unique_fd.h"
#include "frontend/message_socket.h"
#include "frontend/split_ring.h"

namespace holdfast::frontend {

/// The least vhost-user-blk back end that a front end can be tried on: a disk in memory, one
/// connection, one thread, nothing of holdfast's own data plane. It trusts its front end.
class RamBackEnd {
 public:
  static constexpr uint16_t kMaxQueues = 4;

  /// What goes wrong on purpose. Requests are counted from 1; 0: never.
  struct Faults {
    uint64_t failRequest = 0;
    uint64_t corruptWrite = 0;
    uint64_t swallowRequest = 0;
    uint64_t closeAtRequest = 0;
  };

  RamBackEnd(size_t diskSize, Faults faults);
  explicit RamBackEnd(size_t diskSize) : RamBackEnd(diskSize, Faults{}) {}
  ~RamBackEnd();

  const std::string& socketPath() const { return path_; }
  uint64_t requests() const { return requests_; }

 private:
  struct Mapping {
    RegionDescription description;
    std::byte* hostAddr = nullptr;
  };
  struct Ring {
    uint16_t size = 0;
    uint16_t lastAvailable = 0;
    bool started = false;
    Descriptor* descriptors = nullptr;
    uint16_t* available = nullptr;
    uint16_t* used = nullptr;
    UniqueFd kick;
    UniqueFd call;
  };

  void serve();
  /// False: the connection has ended.
  bool handleMessage();
  uint64_t handle(const Message& message, Message& reply, bool& hasReply);
  void addRegion(const RegionDescription& description, int file);
  std::byte* fromFrontend(uint64_t address) const;
  std::byte* fromGuest(uint64_t address) const;

  bool processRing(Ring& ring);
  std::vector<Descriptor> readChain(const Ring& ring, uint16_t head) const;
  uint32_t execute(const std::vector<Descriptor>& chain);

  std::string directory_;
  std::string path_;
  Faults faults_;
  std::vector<std::byte> disk_;
  std::atomic<uint64_t> requests_ = 0;
  uint64_t writes_ = 0;
  bool eventIndex_ = false;
  std::vector<Mapping> mappings_;
  std::array<Ring, kMaxQueues> rings_;
  UniqueFd listener_;
  UniqueFd stop_;
  MessageSocket socket_;
  std::thread thread_;
};

}  // namespace holdfast::frontend
