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
///
/// What has to wait at the gate is not inside: it stands in its queue's FenceLine.
class AccessFence {
 public:
  enum class Access : uint8_t { kRead, kWrite };
  enum class Entry : uint8_t { kPassed, kConflict, kHeld };

  struct Position {
    bool reads = false;
    bool writes = false;
    /// The next command must go to the control plane, which owes the nexus a unit attention.
    bool attentionPending = false;
    /// Nothing passes, and nothing is a conflict: all wait.
    bool held = false;
    /// What meets a conflict at the host's device waits for a verdict.
    bool judgesConflicts = false;
    /// Of what passes.
    uint32_t epoch = 0;
  };

  /// A request's stay behind the gate; with its owner until leave().
  struct Pass {
    uint8_t lane = 0;
    uint8_t generation = 0;
    bool inside = false;
    /// Of the position in which it passed.
    uint32_t epoch = 0;
    /// The last position that is no verdict on it.
    uint32_t judgedBefore = 0;
  };

  /// Whose requests may have to wait.
  class Waiter {
   public:
    /// They may go on, or some of them. Any thread; must not call the fence.
    virtual void fenceMoved() = 0;

   protected:
    ~Waiter() = default;
  };

  /// `onConflict` is called on a queue worker's thread when the first request begins to wait for a
  /// verdict, once until the next position.
  explicit AccessFence(std::function<void()> onConflict = {})
      : onConflict_(std::move(onConflict)) {}
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

  void join(Waiter& waiter);
  /// `waiter` joined; it hears no more when this returns.
  void part(Waiter& waiter);

  /// Unless kPassed, `pass` stays outside. `lane`: any number; workers that use different ones
  /// (modulo kLanes) share no cache line.
  Entry enter(Pass& pass, unsigned lane, Access access);
  /// The request has ended on the host's device. No effect on a pass that isn't inside.
  void leave(Pass& pass);

  /// The request has met a conflict at the host's device. True: it is outside now and waits for a
  /// verdict; false: there won't be one.
  bool awaitVerdict(Pass& pass);
  /// For one that waits: kHeld, no verdict yet; kPassed, it is inside as before and to be sent
  /// again; kConflict, also where another epoch has begun.
  Entry enterAgain(Pass& pass, Access access);

  static constexpr unsigned kLanes = 64;

 private:
  /// The position in one word, so that a request reads it at once: flags, above them the epoch.
  using State = uint64_t;
  static constexpr State kReads = 1;
  static constexpr State kWrites = 2;
  static constexpr State kAttentionPending = 4;
  static constexpr State kGeneration = 8;
  static constexpr State kHeld = 16;
  static constexpr State kJudges = 32;
  static constexpr unsigned kEpochShift = 32;

  struct alignas(64) Lane {
    std::array<std::atomic<uint32_t>, 2> inFlight{};
  };
  using Drained = std::vector<std::function<void()>>;

  static uint8_t generationOf(State state) { return (state & kGeneration) != 0; }
  bool isEmpty(uint8_t generation) const;
  /// With mutex_ held: ends what is drained and begins what waits; returns whom to call.
  Drained advance();
  void settle();

  const std::function<void()> onConflict_;
  std::atomic<State> state_{0};
  /// Positions so far.
  std::atomic<uint32_t> moves_{0};
  /// Somebody waits for a generation to become empty.
  std::atomic<bool> drainWanted_{false};
  std::array<Lane, kLanes> lanes_;
  std::mutex mutex_;
  Drained current_;  // wait for the generation before the present one
  Drained next_;     // wait for the present one, which ends as soon as the one before is empty
  std::vector<Waiter*> waiters_;
  bool verdictWanted_ = false;  // in the present position
};

}  // namespace holdfast
