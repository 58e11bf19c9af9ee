#include "core/device/poll_window.h"

#include <doctest/doctest.h>

using holdfast::PollWindow;

namespace {

constexpr int64_t kMicro = 1000;
constexpr int64_t kLongest = 50 * kMicro;

/// Lets requests come every `gap` while spinning, or `sleepingGap` when asleep, and returns what
/// share of `rounds` was spun successfully, in percent.
int hitPercent(PollWindow& poll, int64_t gap, int64_t sleepingGap, int rounds) {
  int hits = 0;
  for (int i = 0; i < rounds; ++i) {
    const int64_t window = poll.open();
    if (window > 0 && gap <= window) {
      poll.hit(gap);
      ++hits;
    } else {
      poll.miss(window, sleepingGap);
    }
  }
  return hits * 100 / rounds;
}

}  // namespace

TEST_CASE("poll window: 0 never opens") {
  PollWindow poll(0);
  CHECK(hitPercent(poll, 1, 1, 1000) == 0);
}

TEST_CASE("poll window: stays open while requests come soon") {
  PollWindow poll(kLongest);
  CHECK(hitPercent(poll, 14 * kMicro, 60 * kMicro, 1000) == 100);
}

TEST_CASE("poll window: finds short gaps although they are long while it sleeps") {
  PollWindow poll(kLongest);
  hitPercent(poll, 1000 * kMicro, 1000 * kMicro, 2000);  // a slow phase closes it
  CHECK(hitPercent(poll, 14 * kMicro, 60 * kMicro, 5000) > 80);
}

TEST_CASE("poll window: a window is not even tried behind a long gap") {
  PollWindow poll(kLongest);
  poll.miss(kLongest, 1000 * kMicro);
  CHECK(poll.open() == 0);
}

TEST_CASE("poll window: spinning that costs more than a sleep closes it, probes stay rare") {
  PollWindow poll(kLongest);
  hitPercent(poll, 40 * kMicro, 70 * kMicro, 1000);
  // One account of 400 us buys about ten windows, and sleeping earns 0.5 us a time.
  CHECK(hitPercent(poll, 40 * kMicro, 70 * kMicro, 10000) < 10);
}

TEST_CASE("poll window: never longer than asked for") {
  PollWindow poll(5 * kMicro);
  for (int i = 0; i < 100; ++i) {
    const int64_t window = poll.open();
    CHECK(window <= 5 * kMicro);
    poll.miss(window, 20 * kMicro);
  }
}

TEST_CASE("poll window: an expensive sleep makes longer spinning pay") {
  PollWindow poll(kLongest);
  for (int i = 0; i < 100; ++i) poll.sample(40 * kMicro);
  CHECK(hitPercent(poll, 40 * kMicro, 70 * kMicro, 1000) == 100);
}
