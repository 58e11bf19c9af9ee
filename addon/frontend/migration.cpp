#include "frontend/migration.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace holdfast::frontend {
namespace {

constexpr uint64_t kPageSize = 4096;

}  // namespace

Result<std::unique_ptr<Migration>> Migration::create(Driver& driver) {
  std::unique_ptr<Migration> migration(new Migration(driver));
  uint64_t end = 0;
  for (const RegionDescription& region : driver.memory().descriptions())
    end = std::max(end, region.guestAddr + region.size);
  migration->size_ = end / kPageSize / 8 + 1;
  migration->file_ = UniqueFd(::memfd_create("dirty log", MFD_CLOEXEC));
  const int file = migration->file_.get();
  if (file < 0 || ::ftruncate(file, static_cast<off_t>(migration->size_)) != 0)
    return systemError("cannot make a dirty log", errno);
  void* mapping = ::mmap(nullptr, migration->size_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapping == MAP_FAILED) return systemError("cannot map the dirty log", errno);
  migration->log_ = static_cast<uint8_t*>(mapping);
  return migration;
}

Migration::~Migration() {
  if (log_) ::munmap(log_, size_);
}

Status Migration::begin() {
  if (Status s = driver_.connection().setLogBase({size_, 0}, file_.get()); !s) return s;
  return setLogging(true);
}

Status Migration::end() {
  return setLogging(false);
}

Status Migration::stop() {
  for (uint16_t i = 0; i < driver_.numQueues(); ++i)
    if (const auto base = driver_.queue(i).stop(driver_.connection()); !base) return base.error();
  return {};
}

Status Migration::resume() {
  for (uint16_t i = 0; i < driver_.numQueues(); ++i)
    if (Status s = driver_.queue(i).start(driver_.connection()); !s) return s;
  return {};
}

Status Migration::setLogging(bool on) {
  const uint64_t features = driver_.features() | (on ? kLogAllBit : 0);
  if (Status s = driver_.connection().setFeatures(features); !s) return s;
  for (uint16_t i = 0; i < driver_.numQueues(); ++i)
    if (Status s = driver_.queue(i).setLogged(driver_.connection(), on); !s) return s;
  return {};
}

}  // namespace holdfast::frontend
