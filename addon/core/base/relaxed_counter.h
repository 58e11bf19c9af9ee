#pragma once

#include <atomic>
#include <cstdint>

namespace holdfast {

/// A counter with one writing thread and any number of readers: no locked instruction to add.
class RelaxedCounter {
 public:
  void add(uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace holdfast
