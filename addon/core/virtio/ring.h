#pragma once

#include <utility>

#include "core/virtio/packed_ring.h"
#include "core/virtio/split_ring.h"

namespace holdfast::virtio {

/// A virtqueue's ring in either layout: what SplitRing and PackedRing say of each function. The
/// layout is the same for all of a ring's life, so the branch costs nothing once it is predicted.
class Ring {
 private:
  template <typename Call>
  decltype(auto) with(Call&& call) {
    return isPacked_ ? call(packed_) : call(split_);
  }
  template <typename Call>
  decltype(auto) with(Call&& call) const {
    return isPacked_ ? call(packed_) : call(split_);
  }

 public:
  Status attach(const MemoryMap& map, const RingParameters& parameters) {
    isPacked_ = parameters.packed;
    return with([&](auto& ring) { return ring.attach(map, parameters); });
  }
  Status remap(const MemoryMap& map) {
    return with([&](auto& ring) { return ring.remap(map); });
  }
  Status checkWithin(const MemoryMap& map) const {
    return with([&](const auto& ring) { return ring.checkWithin(map); });
  }

  uint32_t size() const {
    return with([](const auto& ring) { return ring.size(); });
  }
  uint32_t base() const {
    return with([](const auto& ring) { return ring.base(); });
  }
  bool hasAvailable() const {
    return with([](const auto& ring) { return ring.hasAvailable(); });
  }
  uint32_t available() const {
    return with([](const auto& ring) { return ring.available(); });
  }
  bool hasBacklog(uint16_t count) const {
    return with([&](const auto& ring) { return ring.hasBacklog(count); });
  }
  Pop pop(const MemoryMap& map, DescriptorChain& chain) {
    return with([&](auto& ring) { return ring.pop(map, chain); });
  }
  void push(const DescriptorChain& chain, uint32_t length) {
    with([&](auto& ring) { ring.push(chain, length); });
  }
  void publish() {
    with([](auto& ring) { ring.publish(); });
  }
  uint32_t unsignalled() const {
    return with([](const auto& ring) -> uint32_t { return ring.unsignalled(); });
  }
  bool wantsInterrupt() {
    return with([](auto& ring) { return ring.wantsInterrupt(); });
  }
  void requestKick() {
    with([](auto& ring) { ring.requestKick(); });
  }
  void suppressKick() {
    with([](auto& ring) { ring.suppressKick(); });
  }
  void mark(const DirtyLog& log, const MemoryMap& map, uint64_t logAddr) const {
    with([&](const auto& ring) { ring.mark(log, map, logAddr); });
  }

 private:
  bool isPacked_ = false;
  SplitRing split_;
  PackedRing packed_;
};

}  // namespace holdfast::virtio
