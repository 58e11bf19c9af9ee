#pragma once

#include <cstdint>
#include <vector>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/vhost_user/device.h"
#include "core/vhost_user/message.h"

namespace holdfast::vhost_user {

/// The set-up and state of every ring, as the messages SET_VRING_* and GET_VRING_BASE change it
/// (vhost-user.rst, "Ring states"). Errors are refusals: why, without the message's name.
class RingTable {
 public:
  explicit RingTable(Device& device);

  /// SET_FEATURES: the layout of rings that are set up from now on.
  void setPacked(bool packed) { packed_ = packed; }

  /// The set-up of a ring that runs can't change, save whether and where it is logged: migration
  /// begins with a SET_VRING_ADDR that changes nothing else. One that is started but disabled is
  /// stopped first: user-mode Linux gives its rings up by ENABLE=0 and sets them up anew.
  Status setSize(const VringState& state);
  Status setAddresses(const VringAddresses& addresses);
  Status setBase(const VringState& state);

  /// SET_VRING_KICK: starts the ring, which is what the first kick does in the specification; the
  /// device looks at the ring at once, so nothing is gained by waiting for it. A started ring goes
  /// on with the new fd. `enable`: no SET_VRING_ENABLE will come, since bit 30 isn't acknowledged.
  Status start(uint64_t queueAndFlag, std::vector<UniqueFd> fds, bool enable);
  /// GET_VRING_BASE: stops the ring once it has drained; returns where to resume.
  Result<uint32_t> stop(const VringState& state);

  Status setEnabled(const VringState& state);
  Status setAllEnabled(bool enabled);
  Status setCall(uint64_t queueAndFlag, std::vector<UniqueFd> fds);
  Status setErr(uint64_t queueAndFlag, std::vector<UniqueFd> fds);

  /// RESET_DEVICE: every ring stopped, disabled and without set-up.
  Status reset();

  /// Adds the messages that would bring another table here, where each ring is enabled as
  /// `enabledAtFirst` says. Error: no descriptor is left.
  Status retell(std::vector<Message>& told, bool enabledAtFirst) const;

  /// Whether any ring is started and enabled.
  bool anyRunning() const;

 private:
  struct Ring {
    RingSetup setup;
    bool hasSize = false;
    bool hasAddresses = false;
    bool started = false;
    bool enabled = false;
  };

  Status checkIndex(uint64_t index) const;
  Status retellOne(std::vector<Message>& told, uint32_t index, bool enabledAtFirst) const;
  Status makeChangeable(uint16_t index);
  Status stopStarted(uint16_t index);
  Status setOneEnabled(uint16_t index, bool enabled);
  /// The queue of a KICK, CALL or ERR, its fd moved to `fd`; that stays invalid where the message
  /// says that none comes.
  Result<uint16_t> takeFd(uint64_t queueAndFlag, std::vector<UniqueFd> fds, UniqueFd& fd) const;

  Device& device_;
  std::vector<Ring> rings_;
  bool packed_ = false;
};

}  // namespace holdfast::vhost_user
