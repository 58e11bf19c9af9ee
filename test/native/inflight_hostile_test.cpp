#include <doctest/doctest.h>

#include <functional>
#include <random>

#include "support/inflight_bench.h"

using namespace holdfast;
using test::BackEnd;
using test::InflightBench;
using virtio::DescriptorChain;
using virtio::Pop;

namespace {

constexpr uint16_t kSize = InflightBench::kSize;

}  // namespace

TEST_CASE("inflight, hostile: contents that no back end leaves are refused by name") {
  const auto refusal = [](bool packed, const std::function<void(std::byte*)>& damage) {
    InflightBench bench(packed);
    for (const uint32_t cookie : {1, 2, 3}) bench.add(cookie, 2);
    {
      BackEnd before(bench);
      before.take();
      before.take();
    }
    damage(bench.notes());
    virtio::Ring ring;
    const Status attached = ring.attach(*bench.map(), bench.parameters());
    REQUIRE_FALSE(attached.ok());
    const std::string prefix = "the inflight region is damaged: ";
    REQUIRE(attached.error().message.starts_with(prefix));
    return attached.error().message.substr(prefix.size());
  };
  const auto split = [&](auto damage) {
    return refusal(false, [&](std::byte* notes) {
      auto* header = reinterpret_cast<virtio::SplitInflightHeader*>(notes);
      damage(*header, reinterpret_cast<virtio::SplitInflightEntry*>(header + 1));
    });
  };
  CHECK(split([](auto& header, auto*) { header.version = 2; }) == "its version is unknown");
  CHECK(split([](auto& header, auto*) { header.size = 8; }) == "it has another size");
  CHECK(split([](auto& header, auto*) { header.usedIndex = 0x8000; }) ==
        "its used index is not near the ring's");
  CHECK(split([](auto& header, auto*) {
          header.usedIndex = 0xffff;
          header.lastBatchHead = kSize;
        }) == "its last batch leaves the ring");
  CHECK(split([](auto&, auto* entries) { entries[0].inflight = 2; }) ==
        "a chain is neither in flight nor not");

  const auto packed = [&](auto damage) {
    return refusal(true, [&](std::byte* notes) {
      auto* header = reinterpret_cast<virtio::PackedInflightHeader*>(notes);
      damage(*header, reinterpret_cast<virtio::PackedInflightEntry*>(header + 1));
    });
  };
  CHECK(packed([](auto& header, auto*) { header.version = 9; }) == "its version is unknown");
  CHECK(packed([](auto& header, auto*) { header.size = 17; }) == "it has another size");
  CHECK(packed([](auto& header, auto*) { header.used.oldIndex = kSize; }) ==
        "its used index lies outside the ring");
  CHECK(packed([](auto& header, auto* entries) {
          entries[header.free.oldHead].next = header.free.oldHead;
        }) == "its free list has a loop");
  CHECK(packed([](auto& header, auto*) { header.free.oldHead = kSize; }) ==
        "an entry is neither free nor in flight");
  CHECK(packed([](auto&, auto* entries) { entries[0].num = 0; }) == "a chain in flight has no end");
  CHECK(packed([](auto&, auto* entries) { entries[0].num = 1; }) == "a chain in flight has no end");
  CHECK(packed([](auto&, auto* entries) { entries[0].num = 0xffff; }) ==
        "a chain in flight is not one");
  CHECK(packed([](auto&, auto* entries) { entries[0].next = 0xffff; }) ==
        "a chain in flight is not one");
  CHECK(packed([](auto&, auto* entries) { entries[0].inflight = 0; }) ==
        "an entry is neither free nor in flight");
}

TEST_CASE("inflight, hostile: random damage, before the start and while the ring runs") {
  std::mt19937 random(1);
  unsigned accepted = 0;
  for (unsigned round = 0; round < 3000; ++round) {
    InflightBench bench(round % 2 == 1);
    for (uint32_t cookie = 1; cookie <= 4; ++cookie) bench.add(cookie, 2);
    {
      BackEnd before(bench);
      DescriptorChain chain;
      before.take();
      before.take(chain);
      before.take();
      before.ring.push(chain, 2);
      if (round % 3 == 0) before.ring.publish();
    }
    const auto damage = [&] {
      for (unsigned i = random() % 4; i > 0; --i)
        bench.notes()[random() % bench.noteBytes()] = static_cast<std::byte>(random());
    };
    damage();
    const auto map = bench.map();
    virtio::Ring ring;
    if (!ring.attach(*map, bench.parameters())) continue;
    ++accepted;
    DescriptorChain chain;
    for (unsigned i = 0; i < 20 && ring.pop(*map, chain) == Pop::kChain; ++i) {
      damage();
      ring.push(chain, 1);
      ring.publish();
    }
  }
  CHECK(accepted > 500);
}
