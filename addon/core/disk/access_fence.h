#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace holdfast {

/// The gate that every request of one nexus to one logical unit's medium passes. A request is first
/// counted as in flight and then looks at the gate, both sequentially consistent: so whoever closes
/// the gate and then finds nothing in flight knows that nothing passed unseen.
///
/// Requests are counted in one of two generations, and each drain begins a new one: a drain waits
/// only for requests that passed before it, however many more keep coming.
class AccessFence {
 public:
  enum class Access : uint8_t { kRead, kWrite };

  struct Position {
    bool reads = false;
    bool writes = false;
    /// The next command must go to the control plane, which owes the nexus a unit attention.
    bool attentionPending = false;
  };

  /// A request's stay behind the gate; with its owner until leave().
  struct Pass {
    uint8_t lane = 0;
    uint8_t generation = 0;
    bool inside = false;
  };

  AccessFence() = default;
  AccessFence(const AccessFence&) = delete;
  AccessFence& operator=(const AccessFence&) = delete;

  // Any thread.

  /// Holds for every request that enters after this returns. Closed at first.
  void set(Position position);
  /// Calls `drained` once, when every request that was inside before this call has left; on this
  /// thread, before drain() returns, or on a queue worker's.
  void drain(std::function<void()> drained);
  bool attentionPending() const {
    return (state_.load(std::memory_order_acquire) & kAttentionPending) != 0;
  }

  // Queue workers.

  /// False: conflict, and `pass` stays outside. `lane`: any number; workers that use different ones
  /// (modulo kLanes) share no cache line.
  bool enter(Pass& pass, unsigned lane, Access access);
  /// The request has ended on the host's device. No effect on a pass that isn't inside.
  void leave(Pass& pass);

  static constexpr unsigned kLanes = 64;

 private:
  static constexpr uint32_t kReads = 1;
  static constexpr uint32_t kWrites = 2;
  static constexpr uint32_t kAttentionPending = 4;
  static constexpr uint32_t kGeneration = 8;

  struct alignas(64) Lane {
    std::array<std::atomic<uint32_t>, 2> inFlight{};
  };
  using Waiters = std::vector<std::function<void()>>;

  static uint8_t generationOf(uint32_t state) { return (state & kGeneration) != 0; }
  bool isEmpty(uint8_t generation) const;
  /// With mutex_ held: ends what is drained and begins what waits; returns whom to call.
  Waiters advance();
  void settle();

  std::atomic<uint32_t> state_{0};
  /// Somebody waits for a generation to become empty.
  std::atomic<bool> drainWanted_{false};
  std::array<Lane, kLanes> lanes_;
  std::mutex mutex_;
  Waiters current_;  // wait for the generation before the present one
  Waiters next_;     // wait for the present one, which ends as soon as the one before is empty
};

}  // namespace holdfast
