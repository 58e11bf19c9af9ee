#pragma once

namespace holdfast::test {

/// Both layouts of rings, each with EVENT_IDX and without.
struct RingKind {
  bool packed;
  bool eventIndex;
};
inline constexpr RingKind kRingKinds[] = {
    {false, true}, {false, false}, {true, true}, {true, false}};

}  // namespace holdfast::test
