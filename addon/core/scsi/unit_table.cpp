#include "core/scsi/unit_table.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/scsi/lun_address.h"

namespace holdfast::scsi {
namespace {

std::string nameOf(uint8_t target, uint16_t lun) {
  return "target " + std::to_string(target) + ", LUN " + std::to_string(lun);
}

auto placed(uint32_t place) {
  return [place](const std::shared_ptr<LogicalUnit>& unit) { return unit->place() >= place; };
}

}  // namespace

UnitTable::Snapshot UnitTable::read() const {
  const std::lock_guard lock(mutex_);
  return {units_, version_.load(std::memory_order_relaxed)};
}

std::shared_ptr<LogicalUnit> UnitTable::find(uint8_t target, uint16_t lun) const {
  const uint32_t place = LogicalUnit::placeOf(target, lun);
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(units_.begin(), units_.end(), placed(place));
  return found != units_.end() && (*found)->place() == place ? *found : nullptr;
}

bool UnitTable::hasTarget(uint8_t target) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(units_.begin(), units_.end(),
                     [target](const auto& unit) { return unit->target() == target; });
}

Status UnitTable::add(LogicalUnit::Options options) {
  const uint32_t place = LogicalUnit::placeOf(options.target, options.lun);
  const std::string name = nameOf(options.target, options.lun);
  if (options.lun > LunAddress::kLunMax)
    return Error{EINVAL, name + ": LUNs end at " + std::to_string(LunAddress::kLunMax)};
  const std::lock_guard lock(mutex_);
  const auto next = std::find_if(units_.begin(), units_.end(), placed(place));
  if (next != units_.end() && (*next)->place() == place) return Error{EEXIST, name + " is taken"};
  const int slot = freeSlot();
  if (slot < 0)
    return Error{ENOSPC, "a controller has room for " + std::to_string(IoTarget::kMaxSlots) +
                             " logical units"};
  auto unit = std::make_shared<LogicalUnit>(std::move(options), static_cast<unsigned>(slot));
  slots_[static_cast<size_t>(slot)] = unit;
  units_.insert(next, std::move(unit));
  version_.fetch_add(1, std::memory_order_release);
  return {};
}

Status UnitTable::remove(uint8_t target, uint16_t lun, std::function<void()> released) {
  const uint32_t place = LogicalUnit::placeOf(target, lun);
  std::shared_ptr<LogicalUnit> removed;  // let go of without the lock
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(units_.begin(), units_.end(), placed(place));
  if (found == units_.end() || (*found)->place() != place)
    return Error{ENOENT, nameOf(target, lun) + " has no logical unit"};
  removed = std::move(*found);
  units_.erase(found);
  removed->onRelease(std::move(released));
  version_.fetch_add(1, std::memory_order_release);
  return {};
}

int UnitTable::freeSlot() const {
  const auto free = std::find_if(slots_.begin(), slots_.end(),
                                 [](const auto& holder) { return holder.expired(); });
  return free == slots_.end() ? -1 : static_cast<int>(free - slots_.begin());
}

}  // namespace holdfast::scsi
