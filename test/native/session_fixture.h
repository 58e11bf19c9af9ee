#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/base/event_fd.h"
#include "core/vhost_user/session.h"
#include "frontend/connection.h"
#include "frontend/guest_memory.h"

namespace holdfast::test {

using frontend::bytesOf;
using frontend::Connection;
using frontend::GuestMemory;
using frontend::kNeedReplyFlag;
using frontend::kProtocolFeaturesBit;
using frontend::kReplyFlag;
using frontend::kVersion;
using frontend::MessageSocket;
using frontend::Request;
using frontend::VringState;
namespace feature = frontend::protocol_feature;

/// How many fds this process has open.
inline size_t openFds() {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                           std::filesystem::directory_iterator()));
}

/// How long is waited for what a broken session would never do.
constexpr std::chrono::seconds kPatience{10};

/// A device that writes down every call, and refuses or holds the ones it is told to.
class FakeDevice final : public vhost_user::Device {
 public:
  uint64_t offeredFeatures = 1ULL << 32;
  uint64_t offeredProtocolFeatures = feature::kConfig;
  uint16_t queues = 4;
  bool migrates = true;

  /// The calls so far, each "name arguments", and forgets them.
  std::vector<std::string> takeCalls() {
    const std::lock_guard lock(mutex_);
    return std::exchange(calls_, {});
  }
  /// From now on `call` ("startRing 0") is refused with the message "not today".
  void refuse(const std::string& call) {
    const std::lock_guard lock(mutex_);
    refused_.insert(call);
  }
  void allow(const std::string& call) {
    const std::lock_guard lock(mutex_);
    refused_.erase(call);
  }
  /// From now on `call` doesn't return before release(), or before another call is held instead.
  void hold(const std::string& call) {
    const std::lock_guard lock(mutex_);
    held_ = call;
    isHeld_ = false;
    changed_.notify_all();
  }
  void waitUntilHeld() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, kPatience, [&] { return isHeld_; }));
  }
  void release() {
    const std::lock_guard lock(mutex_);
    held_.clear();
    isHeld_ = false;
    changed_.notify_all();
  }
  void setConfigByte(size_t offset, uint8_t value) {
    const std::lock_guard lock(mutex_);
    config_[offset] = std::byte{value};
  }
  void waitUntilConfigIsRead(unsigned times) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, kPatience, [&] { return configReads_ >= times; }));
  }
  /// Notifies, and waits until the session has looked at the config space because of it.
  void notifyAndWaitUntilRead() {
    std::unique_lock lock(mutex_);
    const unsigned before = configReads_;
    notifier_->configChanged();
    REQUIRE(changed_.wait_for(lock, kPatience, [&] { return configReads_ != before; }));
  }
  /// As another thread of the device would. Nothing before connected() and after disconnected().
  void notifyConfigChanged() {
    const std::lock_guard lock(mutex_);
    if (notifier_) notifier_->configChanged();
  }
  vhost_user::RingSetup setupOf(uint16_t index) {
    const std::lock_guard lock(mutex_);
    return setups_[index];
  }
  /// Whether the fd of the last "setRingCall 0", "setRingErr 0" or "startRing 0" was valid.
  bool hadFd(const std::string& call) {
    const std::lock_guard lock(mutex_);
    return fds_[call].valid();
  }
  int fdOf(const std::string& call) {
    const std::lock_guard lock(mutex_);
    return fds_[call].get();
  }
  std::shared_ptr<const vhost_user::InflightRegion> inflight() {
    const std::lock_guard lock(mutex_);
    return inflight_;
  }
  std::shared_ptr<const MemoryMap> memory() {
    const std::lock_guard lock(mutex_);
    return memory_;
  }
  std::shared_ptr<const DirtyLog> log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  void setBase(uint32_t base) {
    const std::lock_guard lock(mutex_);
    base_ = base;
  }

  uint64_t features() const override { return offeredFeatures; }
  uint64_t protocolFeatures() const override { return offeredProtocolFeatures; }
  uint16_t maxQueues() const override { return queues; }
  bool migratable() const override { return migrates; }
  size_t readConfig(std::span<std::byte> config) override {
    const std::lock_guard lock(mutex_);
    ++configReads_;
    changed_.notify_all();
    std::copy(config_.begin(), config_.end(), config.begin());
    return config_.size();
  }
  Status writeConfig(uint32_t offset, std::span<const std::byte> data) override {
    Status status = record("writeConfig " + std::to_string(offset));
    const std::lock_guard lock(mutex_);
    if (status.ok()) std::copy(data.begin(), data.end(), config_.begin() + offset);
    return status;
  }
  Status setFeatures(uint64_t features) override {
    return record("setFeatures " + std::to_string(features));
  }
  Status setMemory(std::shared_ptr<const MemoryMap> map) override {
    Status status = record("setMemory " + std::to_string(map->size()));
    const std::lock_guard lock(mutex_);
    if (status.ok()) memory_ = std::move(map);
    return status;
  }
  Status setLog(std::shared_ptr<const DirtyLog> log) override {
    Status status = record("setLog");
    const std::lock_guard lock(mutex_);
    if (status.ok()) log_ = std::move(log);
    return status;
  }
  Status setRingLog(uint16_t index, const vhost_user::RingSetup& setup) override {
    Status status = record("setRingLog " + std::to_string(index));
    const std::lock_guard lock(mutex_);
    setups_[index] = setup;
    return status;
  }
  vhost_user::InflightBytes inflightBytes(uint16_t queueSize) const override {
    return {.negotiated = 64 + 16ULL * queueSize, .most = 64 + 32ULL * queueSize};
  }
  void setInflight(std::shared_ptr<const vhost_user::InflightRegion> region) override {
    (void)record("setInflight " + std::to_string(region->queueCount()));
    const std::lock_guard lock(mutex_);
    inflight_ = std::move(region);
  }
  Status startRing(uint16_t index, const vhost_user::RingSetup& setup, UniqueFd kick) override {
    const std::string call = "startRing " + std::to_string(index);
    Status status = record(call);
    const std::lock_guard lock(mutex_);
    setups_[index] = setup;
    fds_[call] = std::move(kick);
    return status;
  }
  Result<uint32_t> stopRing(uint16_t index) override {
    const Status status = record("stopRing " + std::to_string(index));
    if (!status) return status.error();
    const std::lock_guard lock(mutex_);
    return base_;
  }
  Result<vhost_user::RingHandles> ringHandles(uint16_t index) override {
    const std::lock_guard lock(mutex_);
    const std::string number = std::to_string(index);
    const auto duplicate = [this](const std::string& call) {
      return UniqueFd(::fcntl(fds_[call].get(), F_DUPFD_CLOEXEC, 0));
    };
    return vhost_user::RingHandles{.base = base_,
                                   .kick = duplicate("startRing " + number),
                                   .call = duplicate("setRingCall " + number),
                                   .err = duplicate("setRingErr " + number)};
  }
  Status setRingEnabled(uint16_t index, bool enabled) override {
    return record((enabled ? "enable " : "disable ") + std::to_string(index));
  }
  Status setRingCall(uint16_t index, UniqueFd call) override {
    return keep("setRingCall " + std::to_string(index), std::move(call));
  }
  Status setRingErr(uint16_t index, UniqueFd err) override {
    return keep("setRingErr " + std::to_string(index), std::move(err));
  }
  Status resetDevice() override { return record("resetDevice"); }
  void connected(vhost_user::ConfigNotifier& notifier) override {
    (void)record("connected");
    const std::lock_guard lock(mutex_);
    notifier_ = &notifier;
  }
  void disconnected() override {
    (void)record("disconnected");
    const std::lock_guard lock(mutex_);
    notifier_ = nullptr;
    memory_.reset();
    log_.reset();
    inflight_.reset();
    fds_.clear();
  }

 private:
  Status record(const std::string& call) {
    std::unique_lock lock(mutex_);
    calls_.push_back(call);
    isHeld_ = call == held_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return held_ != call; });
    return refused_.contains(call) ? Status(Error{EIO, "not today"}) : Status();
  }
  Status keep(const std::string& call, UniqueFd fd) {
    Status status = record(call);
    const std::lock_guard lock(mutex_);
    fds_[call] = std::move(fd);
    return status;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> calls_;
  std::set<std::string> refused_;
  std::string held_;
  bool isHeld_ = false;
  std::vector<std::byte> config_ = std::vector<std::byte>(60, std::byte{0x5a});
  unsigned configReads_ = 0;
  uint32_t base_ = 0;
  std::map<uint16_t, vhost_user::RingSetup> setups_;
  std::map<std::string, UniqueFd> fds_;
  std::shared_ptr<const MemoryMap> memory_;
  std::shared_ptr<const DirtyLog> log_;
  std::shared_ptr<const vhost_user::InflightRegion> inflight_;
  vhost_user::ConfigNotifier* notifier_ = nullptr;
};

/// A session with `device` on a thread of its own, and the front end's end of its connection.
class SessionRun {
 public:
  explicit SessionRun(FakeDevice& device) : SessionRun(device, makePair()) {}
  SessionRun(FakeDevice& device, std::pair<MessageSocket, UniqueFd> pair)
      : device_(device),
        front_(std::move(pair.first)),
        thread_([this, theirs = std::move(pair.second)]() mutable {
          vhost_user::Session session(
              device_, vhost_user::Channel(std::move(theirs)),
              [this](const std::string& sentence) { warnings_.push_back(sentence); });
          const vhost_user::StandstillPoint standstill{
              .fd = standstill_.get(), .reached = [this](const vhost_user::Session& reached) {
                standstill_.drain();
                state_.set_value(reached.state());
              }};
          outcome_ = session.run(stop_.get(), standstill, {});
          hasEnded_.set_value();
        }) {}
  ~SessionRun() {
    device_.release();  // where a failed check left a call held
    (void)stop();
  }

  /// The front end's end and the session's.
  static std::pair<MessageSocket, UniqueFd> makePair() {
    auto pair = MessageSocket::makePair();
    REQUIRE(pair.ok());
    return std::move(*pair);
  }

  Connection& front() { return front_; }
  MessageSocket& socket() { return front_.socket(); }

  /// Negotiates these protocol features and bit 30, and asks for acknowledgements from now on.
  void negotiate(uint64_t protocolFeatures = feature::kReplyAck | feature::kConfig |
                                             feature::kBackendReq) {
    REQUIRE(front_.setProtocolFeatures(protocolFeatures).ok());
    front_.setAskForReplies((protocolFeatures & feature::kReplyAck) != 0);
    REQUIRE(front_.setFeatures(kProtocolFeaturesBit).ok());
  }
  /// Every message sent so far has been handled.
  void settle() { REQUIRE(front_.getFeatures().ok()); }

  /// Shares one region of memory.
  void shareMemory() {
    REQUIRE(memory_.addRegion(0, 0x10000).ok());
    REQUIRE(front_.setMemTable(memory_.descriptions(), memory_.files()).ok());
  }
  GuestMemory& memory() { return memory_; }
  void setUpRing(uint32_t index) {
    REQUIRE(front_.setVringNum(index, 128).ok());
    REQUIRE(front_.setVringBase(index, 0).ok());
    REQUIRE(front_.setVringAddr({.index = index}).ok());
  }
  /// Sets the ring up and kicks it; not enabled.
  void startRing(uint32_t index) {
    setUpRing(index);
    const EventFd kick;
    REQUIRE(front_.setVringKick(index, kick.get()).ok());
  }

  /// Waits until the session has ended by itself; what run() returned.
  Status end() {
    REQUIRE(ended_.wait_for(kPatience) == std::future_status::ready);
    return stop();
  }
  /// The reason for which it has ended by itself; empty: an orderly close.
  std::string endReason() {
    const Status status = end();
    return status.ok() ? "" : status.error().message;
  }
  Status stop() {
    stop_.signal();
    if (thread_.joinable()) thread_.join();
    return outcome_;
  }
  int stopFd() const { return stop_.get(); }
  /// What the session hands on before its next message; to be called once.
  Result<vhost_user::SessionState> standStill() {
    auto state = state_.get_future();
    standstill_.signal();
    REQUIRE(state.wait_for(kPatience) == std::future_status::ready);
    return state.get();
  }
  /// Only after the session's end.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  FakeDevice& device_;
  EventFd stop_, standstill_;
  std::promise<Result<vhost_user::SessionState>> state_;
  Connection front_;
  GuestMemory memory_;
  std::vector<std::string> warnings_;
  Status outcome_;
  std::promise<void> hasEnded_;
  std::future<void> ended_ = hasEnded_.get_future();
  std::thread thread_;  // last: it uses the others
};

}  // namespace holdfast::test
