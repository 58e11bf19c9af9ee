#include "core/scsi/unit_uses.h"

#include <algorithm>
#include <utility>

namespace holdfast::scsi {
namespace {

bool isBefore(const std::unique_ptr<UnitUse>& use, uint32_t place) {
  return use->unit->place() < place;
}

}  // namespace

UnitUses::UnitUses(const UnitTable& table, IoChannel& channel, FenceLine& line)
    : table_(table), channel_(channel), line_(line) {
  follow();
}

UnitUses::~UnitUses() {
  while (!uses_.empty()) {
    leaving_.push_back(std::move(uses_.back()));
    uses_.pop_back();
    drop(*leaving_.back());
  }
}

UnitUse* UnitUses::find(uint8_t target, uint16_t lun) {
  const uint32_t place = LogicalUnit::placeOf(target, lun);
  if (lastFound_ && lastFound_->unit->place() == place) return lastFound_;
  const auto found = std::lower_bound(uses_.begin(), uses_.end(), place, isBefore);
  if (found == uses_.end() || (*found)->unit->place() != place) return nullptr;
  return lastFound_ = found->get();
}

void UnitUses::follow() {
  auto [units, version] = table_.read();
  seen_ = version;
  lastFound_ = nullptr;
  targets_.reset();
  std::vector<std::unique_ptr<UnitUse>> known = std::exchange(uses_, {});
  for (const std::shared_ptr<LogicalUnit>& unit : units) {
    targets_.set(unit->target());
    const auto same = std::find_if(known.begin(), known.end(),
                                   [&](const auto& use) { return use && use->unit == unit; });
    if (same != known.end()) {
      uses_.push_back(std::move(*same));
      continue;
    }
    const bool usable = channel_.add(unit->ioTarget()).ok();
    line_.join(unit->fence());
    uses_.push_back(std::make_unique<UnitUse>(UnitUse{.unit = unit, .usable = usable}));
  }
  for (std::unique_ptr<UnitUse>& use : known) {
    if (!use) continue;
    use->leaving = true;
    leaving_.push_back(std::move(use));
    if (leaving_.back()->requests == 0) drop(*leaving_.back());
  }
}

void UnitUses::drop(UnitUse& use) {
  if (use.usable) channel_.remove(use.unit->ioTarget());
  line_.part(use.unit->fence());
  std::erase_if(leaving_, [&use](const auto& other) { return other.get() == &use; });
}

}  // namespace holdfast::scsi
