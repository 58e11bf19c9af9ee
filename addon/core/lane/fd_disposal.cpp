#include "core/lane/fd_disposal.h"

#include <utility>

namespace holdfast {

/// Bounded by the descriptors that a process may have.
struct FdDisposal::Waste {
  std::mutex mutex;
  std::vector<UniqueFd> fds;
  bool collected = false;  // a call that takes them waits in the lane
};

class FdDisposal::EmptyCall final : public LaneCall {
 public:
  explicit EmptyCall(std::shared_ptr<Waste> waste) : waste_(std::move(waste)) {}

 protected:
  int run() override {
    std::vector<UniqueFd> fds;
    {
      const std::lock_guard lock(waste_->mutex);
      waste_->collected = false;
      std::swap(fds, waste_->fds);
    }
    return 0;
  }

 private:
  const std::shared_ptr<Waste> waste_;
};

FdDisposal::FdDisposal()
    : waste_(std::make_shared<Waste>()), lane_([](const std::unique_ptr<LaneCall>&) {}) {}

void FdDisposal::add(UniqueFd fd) {
  const std::lock_guard lock(waste_->mutex);
  waste_->fds.push_back(std::move(fd));
  // Without a thread it waits for the next one.
  if (!waste_->collected)
    waste_->collected = lane_.submit(std::make_unique<EmptyCall>(waste_)).ok();
}

}  // namespace holdfast
