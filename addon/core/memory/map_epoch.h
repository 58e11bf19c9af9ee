#pragma once

#include <memory>
#include <utility>

#include "core/memory/memory_map.h"

namespace holdfast {

/// One memory map as a queue worker used it for a while, and how many of the worker's requests
/// still point into it. Only that worker's thread touches it, so a request costs a plain
/// increment; the map is dropped with its last request.
struct MapEpoch {
  explicit MapEpoch(std::shared_ptr<const MemoryMap> newMap) : map(std::move(newMap)) {}
  std::shared_ptr<const MemoryMap> map;
  unsigned inFlight = 0;
};

}  // namespace holdfast
