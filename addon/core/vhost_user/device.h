#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/memory/dirty_log.h"
#include "core/memory/memory_map.h"
#include "core/vhost_user/inflight_region.h"

namespace holdfast::vhost_user {

/// What SET_VRING_NUM, _ADDR and _BASE said of one ring. Addresses are the front end's own.
struct RingSetup {
  uint32_t size = 0;
  uint32_t flags = 0;  // kVringLogFlag
  uint64_t descriptorAddr = 0;
  uint64_t usedAddr = 0;
  uint64_t availableAddr = 0;
  uint64_t logAddr = 0;
  uint32_t base = 0;  // split: last avail index; packed: both indices with their wrap bits
};

/// What a ring was given, as duplicates, and where it goes on.
struct RingHandles {
  uint32_t base = 0;
  UniqueFd kick, call, err;  // invalid: none
};

/// Sends CONFIG_CHANGE on the back end's channel; valid while its session lives. May be called from
/// any thread. See Session for when a message really goes out.
class ConfigNotifier {
 public:
  virtual void configChanged() = 0;

 protected:
  ~ConfigNotifier() = default;
};

/// What a device type (blk, scsi) is to the protocol: Session translates messages into these calls,
/// all from the attachment's control thread, one at a time. Ring indices are already checked
/// against maxQueues(). An Error refuses the message: with REPLY_ACK a non-zero answer, otherwise
/// the connection is closed with that reason.
///
/// The fds of kick, call and err are eventfds, pipes (user-mode Linux) or sockets, set to
/// O_NONBLOCK; the front end shares their open file description and may clear that again.
class Device {
 public:
  virtual ~Device() = default;

  /// Virtio feature bits offered; those of vhost itself (kLogAllBit, bit 30) are Session's.
  virtual uint64_t features() const = 0;
  /// Protocol features this device type adds to Session's own (CONFIG, for example).
  virtual uint64_t protocolFeatures() const = 0;
  virtual uint16_t maxQueues() const = 0;
  /// Whether a guest can move to another host with it: offers kLogAllBit and LOG_SHMFD, without
  /// which QEMU refuses to migrate.
  virtual bool migratable() const = 0;

  /// Fills `config` from offset 0 as far as the device's config space reaches and returns how many
  /// bytes that are; Session zero-pads and cuts.
  virtual size_t readConfig(std::span<std::byte> config) = 0;
  virtual Status writeConfig(uint32_t offset, std::span<const std::byte> data) = 0;

  /// The acknowledged bits, bit 30 and unoffered bits included (QEMU sends `any_layout` unasked).
  /// kLogAllBit may come and go while rings run: it holds for every write that lands in guest
  /// memory after this returns, also of requests that began before.
  virtual Status setFeatures(uint64_t features) = 0;

  /// Every queue uses the new map when this returns; requests in flight keep the old one alive. An
  /// Error (a started ring doesn't lie in it) leaves every queue with the map it had.
  virtual Status setMemory(std::shared_ptr<const MemoryMap> map) = 0;

  /// SET_LOG_BASE: where writes are marked from now on, if kLogAllBit or a ring's flag ask for it.
  /// Without any log nothing is marked.
  virtual Status setLog(std::shared_ptr<const DirtyLog> log) = 0;

  /// Bytes of an inflight region that one queue takes, for rings of up to `queueSize` descriptors.
  virtual InflightBytes inflightBytes(uint16_t queueSize) const = 0;
  /// SET_INFLIGHT_FD: rings that are started from now on note there what they take, and begin with
  /// what was left in it. A ring that is larger than those it was made for does without.
  virtual void setInflight(std::shared_ptr<const InflightRegion> region) = 0;

  /// Starts processing, which looks at the ring at once: a restarted back end's front end doesn't
  /// kick again for what is there. The ring's three parts must lie in the current map, else an
  /// Error; size is a power of two, 1..32768 where the ring is split. `kick` may be invalid: then
  /// the ring is polled. Not called for a ring that is started.
  virtual Status startRing(uint16_t index, const RingSetup& setup, UniqueFd kick) = 0;
  /// Stops popping, waits until everything submitted to the kernel has completed and its used
  /// elements are written, and returns the base to resume from. A ring that isn't started returns
  /// its set-up base unchanged: Session handles that case itself. What waits for the control plane
  /// holds it up for a limited time, the same for all rings that stop one after another.
  virtual Result<uint32_t> stopRing(uint16_t index) = 0;
  /// The flags and logAddr of a started ring have changed.
  virtual Status setRingLog(uint16_t index, const RingSetup& setup) = 0;
  /// Independent of started, and remembered over stops; at first no ring is enabled.
  /// enabled=false returns only after the ring has drained.
  virtual Status setRingEnabled(uint16_t index, bool enabled) = 0;
  /// Replaces the fd that interrupts the guest; invalid = none (the guest polls).
  virtual Status setRingCall(uint16_t index, UniqueFd call) = 0;
  virtual Status setRingErr(uint16_t index, UniqueFd err) = 0;

  /// Of a ring at a standstill, its requests shown to the driver. The base of one that isn't
  /// started is 0: Session knows it. Error: no descriptor is left.
  virtual Result<RingHandles> ringHandles(uint16_t index) = 0;

  /// RESET_DEVICE: rings are stopped already, memory stays mapped.
  virtual Status resetDevice() = 0;

  /// A session begins: `notifier` may be used until disconnected() returns, from any thread.
  virtual void connected(ConfigNotifier& notifier) = 0;
  /// The session ends: stop and drain every ring, forget their enabled state, drop the memory map,
  /// the log and all fds.
  virtual void disconnected() = 0;
};

}  // namespace holdfast::vhost_user
