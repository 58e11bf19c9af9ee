#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "frontend/driver.h"
#include "frontend/migration.h"

namespace holdfast::test {

/// The memory of a driver's guest as a front end sees it that migrates the guest: what the back end
/// says it has changed, and what really has.
class MigratingMemory {
 public:
  static constexpr uint64_t kPage = 4096;
  using Pages = std::set<uint64_t>;

  explicit MigratingMemory(frontend::Driver& driver) : driver_(driver) {
    auto migration = frontend::Migration::create(driver);
    REQUIRE(migration.ok());
    migration_ = std::move(*migration);
  }

  void begin() { REQUIRE(migration_->begin().ok()); }
  void end() { REQUIRE(migration_->end().ok()); }

  /// What the device writes from now on counts as changed; nobody else may write.
  void remember() {
    before_.clear();
    for (const auto& region : driver_.memory().regions())
      before_.emplace_back(region.hostAddr, region.hostAddr + region.description.size);
  }
  Pages changed() const {
    Pages pages;
    for (size_t i = 0; i < before_.size(); ++i) {
      const auto& region = driver_.memory().regions()[i];
      for (uint64_t at = 0; at < region.description.size; at += kPage)
        if (std::memcmp(&before_[i][at], region.hostAddr + at, kPage) != 0)
          pages.insert((region.description.guestAddr + at) / kPage);
    }
    return pages;
  }
  /// And forgets them, as a front end does that copies them now.
  Pages takeLogged() {
    Pages pages;
    const std::span<uint8_t> log = migration_->log();
    for (uint64_t i = 0; i < log.size(); ++i) {
      if (log[i] == 0) continue;
      const uint8_t bits = std::atomic_ref<uint8_t>(log[i]).exchange(0);
      for (unsigned bit = 0; bit < 8; ++bit)
        if (bits >> bit & 1) pages.insert(i * 8 + bit);
    }
    return pages;
  }

 private:
  frontend::Driver& driver_;
  std::unique_ptr<frontend::Migration> migration_;
  std::vector<std::vector<std::byte>> before_;
};

/// Options of a driver whose memory is small, high up, and that asks for an interrupt at every used
/// element without writing to it.
inline frontend::DriverOptions quietDriver(uint16_t queues, bool packed = false) {
  return {.numQueues = queues,
          .features = ~(1ULL << frontend::kFeatureEventIndex),
          .packed = packed,
          .memorySize = uint64_t{8} << 20};
}

/// Lets the device serve what is in `queue` until it has interrupted for it, while the driver
/// writes nothing: what changes meanwhile is the device's doing. `permit` is what it waits for,
/// too.
inline void serveUntilInterrupted(
    frontend::Driver& driver, uint16_t queue = 0, const std::function<void()>& permit = [] {}) {
  pollfd call{driver.queue(queue).callFd(), POLLIN, 0};
  eventfd_t count;
  ::eventfd_read(call.fd, &count);  // of the start
  permit();
  REQUIRE(driver.connection().setVringEnable(queue, true).ok());
  REQUIRE(::poll(&call, 1, 10'000) == 1);
  // The ring has drained when this is acknowledged.
  REQUIRE(driver.connection().setVringEnable(queue, false).ok());
}

inline bool contains(const MigratingMemory::Pages& all, const MigratingMemory::Pages& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

}  // namespace holdfast::test
