#include "core/vhost_user/ring_table.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "core/vhost_user/session_state.h"

namespace holdfast::vhost_user {
namespace {

/// A split ring's base is its 16-bit available index.
constexpr uint32_t kMaxSplitBase = 0xffff;

Error refusal(std::string why) {
  return {EINVAL, std::move(why)};
}

/// Only what can't block the device's threads for ever when it is written to.
Status prepareNotificationFd(int fd) {
  struct stat file;
  if (::fstat(fd, &file) != 0) return systemError("fstat", errno);
  const bool anonymous = (file.st_mode & S_IFMT) == 0;  // an eventfd is
  if (!anonymous && !S_ISFIFO(file.st_mode) && !S_ISSOCK(file.st_mode))
    return refusal("its file descriptor is no eventfd, pipe or socket");
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
    return systemError("cannot make the file descriptor non-blocking", errno);
  return {};
}

bool isSamePlace(const RingSetup& setup, const VringAddresses& addresses) {
  return setup.descriptorAddr == addresses.descriptorAddr && setup.usedAddr == addresses.usedAddr &&
         setup.availableAddr == addresses.availableAddr;
}

}  // namespace

RingTable::RingTable(Device& device) : device_(device), rings_(device.maxQueues()) {}

Status RingTable::checkIndex(uint64_t index) const {
  if (index < rings_.size()) return {};
  return refusal("there is no queue " + std::to_string(index) + ", only " +
                 std::to_string(rings_.size()));
}

Status RingTable::makeChangeable(uint16_t index) {
  if (!rings_[index].started) return {};
  if (rings_[index].enabled) return refusal("queue " + std::to_string(index) + " is running");
  return stopStarted(index);
}

Status RingTable::stopStarted(uint16_t index) {
  const auto base = device_.stopRing(index);
  if (!base) return base.error();
  rings_[index].started = false;
  rings_[index].setup.base = *base;
  return {};
}

Status RingTable::setSize(const VringState& state) {
  if (Status known = checkIndex(state.index); !known) return known;
  const bool possible = packed_ ? state.value > 0 : std::has_single_bit(state.value);
  if (state.value > kMaxRingSize || !possible)
    return refusal("a ring of " + std::to_string(state.value) + " descriptors, not " +
                   (packed_ ? "one" : "a power of two") + " up to " + std::to_string(kMaxRingSize));
  const auto index = static_cast<uint16_t>(state.index);
  if (Status changeable = makeChangeable(index); !changeable) return changeable;
  rings_[index].setup.size = state.value;
  rings_[index].hasSize = true;
  return {};
}

Status RingTable::setAddresses(const VringAddresses& addresses) {
  if (Status known = checkIndex(addresses.index); !known) return known;
  const auto index = static_cast<uint16_t>(addresses.index);
  RingSetup& setup = rings_[index].setup;
  if (rings_[index].started && isSamePlace(setup, addresses)) {
    setup.flags = addresses.flags;
    setup.logAddr = addresses.logAddr;
    return device_.setRingLog(index, setup);
  }
  if (Status changeable = makeChangeable(index); !changeable) return changeable;
  setup.flags = addresses.flags;
  setup.descriptorAddr = addresses.descriptorAddr;
  setup.usedAddr = addresses.usedAddr;
  setup.availableAddr = addresses.availableAddr;
  setup.logAddr = addresses.logAddr;
  rings_[index].hasAddresses = true;
  return {};
}

Status RingTable::setBase(const VringState& state) {
  if (Status known = checkIndex(state.index); !known) return known;
  if (!packed_ && state.value > kMaxSplitBase)
    return refusal("a base of " + std::to_string(state.value) + ", above " +
                   std::to_string(kMaxSplitBase));
  const auto index = static_cast<uint16_t>(state.index);
  if (Status changeable = makeChangeable(index); !changeable) return changeable;
  rings_[index].setup.base = state.value;
  return {};
}

Status RingTable::start(uint64_t queueAndFlag, std::vector<UniqueFd> fds, bool enable) {
  UniqueFd kick;
  const auto index = takeFd(queueAndFlag, std::move(fds), kick);
  if (!index) return index.error();
  Ring& ring = rings_[*index];
  if (!ring.hasSize || !ring.hasAddresses)
    return refusal("queue " + std::to_string(*index) + " has no size or no addresses yet");
  if (ring.started) {
    if (Status stopped = stopStarted(*index); !stopped) return stopped;
  }
  if (enable) {
    if (Status enabled = setOneEnabled(*index, true); !enabled) return enabled;
  }
  Status started = device_.startRing(*index, ring.setup, std::move(kick));
  ring.started = started.ok();
  return started;
}

Result<uint32_t> RingTable::stop(const VringState& state) {
  if (Status known = checkIndex(state.index); !known) return known.error();
  const auto index = static_cast<uint16_t>(state.index);
  if (rings_[index].started) {
    if (Status stopped = stopStarted(index); !stopped) return stopped.error();
  }
  return rings_[index].setup.base;
}

Status RingTable::setEnabled(const VringState& state) {
  if (Status known = checkIndex(state.index); !known) return known;
  if (state.value > 1) return refusal("it says " + std::to_string(state.value) + ", not 0 or 1");
  return setOneEnabled(static_cast<uint16_t>(state.index), state.value == 1);
}

Status RingTable::setOneEnabled(uint16_t index, bool enabled) {
  Status changed = device_.setRingEnabled(index, enabled);
  if (changed.ok()) rings_[index].enabled = enabled;
  return changed;
}

Status RingTable::setAllEnabled(bool enabled) {
  for (size_t index = 0; index < rings_.size(); ++index)
    if (Status changed = setOneEnabled(static_cast<uint16_t>(index), enabled); !changed)
      return changed;
  return {};
}

Status RingTable::setCall(uint64_t queueAndFlag, std::vector<UniqueFd> fds) {
  UniqueFd call;
  const auto index = takeFd(queueAndFlag, std::move(fds), call);
  if (!index) return index.error();
  return device_.setRingCall(*index, std::move(call));
}

Status RingTable::setErr(uint64_t queueAndFlag, std::vector<UniqueFd> fds) {
  UniqueFd err;
  const auto index = takeFd(queueAndFlag, std::move(fds), err);
  if (!index) return index.error();
  return device_.setRingErr(*index, std::move(err));
}

Result<uint16_t> RingTable::takeFd(uint64_t queueAndFlag, std::vector<UniqueFd> fds,
                                   UniqueFd& fd) const {
  const uint64_t index = queueAndFlag & ~kVringNoFd;
  if (Status known = checkIndex(index); !known) return known.error();
  const bool expected = (queueAndFlag & kVringNoFd) == 0;
  if (expected != !fds.empty())
    return refusal(expected ? "its file descriptor is missing"
                            : "it says that no file descriptor comes, and one came");
  if (expected) {
    if (Status usable = prepareNotificationFd(fds.front().get()); !usable) return usable.error();
    fd = std::move(fds.front());
  }
  return static_cast<uint16_t>(index);
}

Status RingTable::reset() {
  for (size_t i = 0; i < rings_.size(); ++i) {
    const auto index = static_cast<uint16_t>(i);
    if (rings_[index].started) {
      if (Status stopped = stopStarted(index); !stopped) return stopped;
    }
    if (Status disabled = setOneEnabled(index, false); !disabled) return disabled;
    rings_[index] = Ring{};
  }
  return {};
}

Status RingTable::retell(std::vector<Message>& told, bool enabledAtFirst) const {
  Status outcome;
  for (uint32_t index = 0; index < rings_.size() && outcome; ++index)
    outcome = retellOne(told, index, enabledAtFirst);
  return outcome;
}

Status RingTable::retellOne(std::vector<Message>& told, uint32_t index, bool enabledAtFirst) const {
  const auto handles = device_.ringHandles(static_cast<uint16_t>(index));
  if (!handles) return handles.error();
  const auto& [setup, hasSize, hasAddresses, started, enabled] = rings_[index];
  Status outcome;
  const auto add = [&](Request request, const auto& payload, const UniqueFd& fd = {}) {
    if (outcome) outcome = tell(told, request, bytesOf(payload), fd);
  };
  if (hasSize) add(Request::kSetVringNum, VringState{index, setup.size});
  const uint32_t base = started ? handles->base : setup.base;
  if (base != 0) add(Request::kSetVringBase, VringState{index, base});
  if (hasAddresses)
    add(Request::kSetVringAddr, VringAddresses{.index = index,
                                               .flags = setup.flags,
                                               .descriptorAddr = setup.descriptorAddr,
                                               .usedAddr = setup.usedAddr,
                                               .availableAddr = setup.availableAddr,
                                               .logAddr = setup.logAddr});
  if (handles->call) add(Request::kSetVringCall, uint64_t{index}, handles->call);
  if (handles->err) add(Request::kSetVringErr, uint64_t{index}, handles->err);
  if (started)
    add(Request::kSetVringKick, handles->kick ? uint64_t{index} : index | kVringNoFd,
        handles->kick);
  if (enabled != enabledAtFirst)
    add(Request::kSetVringEnable, VringState{index, enabled ? 1U : 0U});
  return outcome;
}

bool RingTable::anyRunning() const {
  return std::any_of(rings_.begin(), rings_.end(),
                     [](const Ring& ring) { return ring.started && ring.enabled; });
}

}  // namespace holdfast::vhost_user
