#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/lane/lane.h"

namespace holdfast {

/// Closes what came from a peer, where nobody waits for it: the last close of a socket with
/// SO_LINGER, or of a device, takes as long as the peer likes, and a socket's takes with it all
/// that lies in it unread. Used on one thread.
class FdDisposal {
 public:
  FdDisposal();

  void add(UniqueFd fd);

 private:
  struct Waste;
  class EmptyCall;

  const std::shared_ptr<Waste> waste_;
  Lane lane_;
};

}  // namespace holdfast
