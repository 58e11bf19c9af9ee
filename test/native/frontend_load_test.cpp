#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <vector>

#include "frontend_ram_back_end.h"
#include "loadgen/arrivals.h"
#include "loadgen/histogram.h"
#include "loadgen/options.h"
#include "loadgen/pattern.h"
#include "loadgen/run.h"
#include "loadgen/verifier.h"
#include "loadgen/workload.h"

namespace holdfast::loadgen {
namespace {

using frontend::RamBackEnd;

Result<Options> parse(std::initializer_list<const char*> arguments) {
  std::vector<char*> copy;
  for (const char* argument : arguments) copy.push_back(const_cast<char*>(argument));
  return parseOptions(copy);
}

TEST_CASE("load options: values, sizes and lists") {
  const auto options = parse(
      {"--socket", "/s",  "--read",       "70",   "--block-size", "128K",     "--segments",    "32",
       "--depth",  "16",  "--queues",     "4",    "--rate",       "1000.5",   "--range",       "1G",
       "--cpu",    "1,3", "--completion", "poll", "--sequential", "--verify", "--no-event-idx"});
  REQUIRE(options.ok());
  CHECK(options->socketPath == "/s");
  CHECK(options->readPercent == 70);
  CHECK(options->blockSize == 131072);
  CHECK(options->rate == 1000.5);
  CHECK(options->range == uint64_t{1} << 30);
  CHECK(options->cpus == std::vector{1, 3});
  CHECK(options->completion == Completion::kPoll);
  CHECK(options->sequential);
  CHECK(options->verify);
  CHECK(options->indirect);
  CHECK_FALSE(options->eventIndex);
}

TEST_CASE("load options: each mistake is named") {
  const auto message = [](std::initializer_list<const char*> arguments) {
    const auto options = parse(arguments);
    REQUIRE_FALSE(options.ok());
    CHECK(options.error().code == EINVAL);
    return options.error().message;
  };
  CHECK(message({}) == "--socket is missing");
  CHECK(message({"--bogus"}) == "unknown argument --bogus");
  CHECK(message({"--depth"}) == "--depth takes a value");
  CHECK(message({"--depth", "0"}) == "--depth: '0' is not a value this option takes");
  CHECK(message({"--rate", "nan"}) == "--rate: 'nan' is not a value this option takes");
  CHECK(message({"--range", "17179869184G"}).starts_with("--range: "));
  CHECK(message({"--cpu", "1,"}).starts_with("--cpu: "));
  CHECK(message({"--socket", "s", "--block-size", "1000"}) ==
        "--block-size must be a multiple of 512");
  CHECK(message({"--socket", "s", "--segments", "3"}) == "--segments must divide --block-size");
  CHECK(message({"--device", "nvme"}) == "--device: 'nvme' is not a value this option takes");
  CHECK(message({"--socket", "s", "--device", "scsi", "--no-flush"}).starts_with("--no-flush "));
  CHECK(parse({"--help"}).error().code == 0);
}

TEST_CASE("histogram: percentiles are within 1/256 of the truth, the maximum is exact") {
  Histogram histogram;
  for (uint64_t value = 1; value <= 1'000'000; ++value) histogram.record(value);
  for (const double fraction : {0.001, 0.5, 0.99, 0.999}) {
    const double truth = fraction * 1e6;
    CHECK(std::abs(histogram.percentile(fraction) - truth) <= truth / 256);
  }
  CHECK(histogram.max() == 1'000'000);
  CHECK(histogram.percentile(1) <= 1'000'000);
  CHECK(histogram.mean() == 500'000.5);
}

TEST_CASE("histogram: small values are exact, huge ones are kept, none is no trouble") {
  Histogram histogram;
  CHECK(histogram.percentile(0.5) == 0);
  histogram.record(0);
  histogram.record(255);
  CHECK(histogram.percentile(0.5) == 0);
  CHECK(histogram.percentile(1) == 255);
  histogram.record(~0ULL);
  CHECK(histogram.count() == 3);
  CHECK(histogram.percentile(1) > 2e11);

  Histogram other;
  other.record(7);
  other.add(histogram);
  CHECK(other.count() == 4);
  CHECK(other.percentile(0.5) == 7);
}

TEST_CASE("arrivals: no drift over a million of them") {
  Arrivals arrivals(3000, 500);
  CHECK(arrivals.nextDue() == 500);
  for (int i = 0; i < 1'000'000; ++i) arrivals.advance();
  CHECK(arrivals.nextDue() == 500 + 333'333'333'333ULL);
}

TEST_CASE("workload: the mix, the range and the order") {
  Workload mixed(100, 70, false, 1);
  std::vector<int> hits(100);
  int reads = 0;
  for (int i = 0; i < 100'000; ++i) {
    const auto operation = mixed.next();
    reads += operation.read;
    ++hits.at(operation.block);
  }
  CHECK(reads > 69'000);
  CHECK(reads < 71'000);
  for (const int count : hits) CHECK(count > 800);

  Workload ascending(3, 100, true, 1);
  for (const uint64_t block : {0, 1, 2, 0}) CHECK(ascending.next().block == block);
  CHECK(ascending.next().read);
  Workload writes(3, 0, true, 1);
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(writes.next().read);
}

TEST_CASE("verifier: tells the right contents from every wrong one") {
  Verifier verifier(1000, 4, 1024, 7);
  std::vector<std::byte> data(1024);
  const auto wrong = [&](const std::vector<std::byte>& found) {
    return verifier.check(2, found).value_or("nothing wrong");
  };
  CHECK_FALSE(verifier.check(2, data).has_value());  // never written: anything is right
  CHECK_FALSE(verifier.nextWritten(0).has_value());

  verifier.prepareWrite(2, data);
  const std::vector<std::byte> first = data;
  CHECK_FALSE(verifier.check(2, data).has_value());
  CHECK(verifier.nextWritten(0) == 2);
  CHECK_FALSE(verifier.nextWritten(3).has_value());

  data[1023] ^= std::byte{1};
  CHECK(wrong(data) == "in sector 1005 generation 1 seed 7 the data after the stamp is wrong");
  verifier.prepareWrite(2, data);
  CHECK(wrong(first) ==
        "expected sector 1004 generation 2 seed 7, found sector 1004 generation 1 seed 7");
  verifier.prepareWrite(3, data);
  CHECK(wrong(data) ==
        "expected sector 1004 generation 2 seed 7, found sector 1006 generation 1 seed 7");
}

TEST_CASE("verifier: a block has one request at a time") {
  Verifier verifier(0, 3, 512, 1);
  CHECK(verifier.claim(2) == 2);
  CHECK(verifier.claim(2) == 0);
  verifier.release(2);
  CHECK(verifier.claim(0) == 1);
  CHECK(verifier.claim(1) == 2);
}

Options loadOn(const RamBackEnd& backEnd) {
  Options options;
  options.socketPath = backEnd.socketPath();
  options.warmupSeconds = 0;
  options.seconds = 0.25;  // long enough for a busy machine to let a request through
  return options;
}

TEST_CASE("load: every way to drive a queue moves the right data") {
  for (const Completion completion : {Completion::kInterrupt, Completion::kPoll}) {
    for (const bool indirect : {true, false}) {
      for (const bool eventIndex : {true, false}) {
        CAPTURE(indirect);
        CAPTURE(eventIndex);
        RamBackEnd backEnd(4 << 20);
        Options options = loadOn(backEnd);
        options.completion = completion;
        options.indirect = indirect;
        options.eventIndex = eventIndex;
        options.verify = true;
        options.readPercent = 50;
        options.queues = 2;
        options.depth = 8;
        options.segments = 4;
        const auto report = runLoad(options);
        REQUIRE(report.ok());
        CHECK(report->tally.errors == 0);
        CHECK(report->tally.reads > 0);
        CHECK(report->tally.writes > 0);
        CHECK(report->tally.checkedReads > 0);
        CHECK(report->tally.latencies.count() == report->tally.reads + report->tally.writes);
      }
    }
  }
}

TEST_CASE("load: a rate is kept, not exceeded") {
  RamBackEnd backEnd(1 << 20);
  Options options = loadOn(backEnd);
  options.rate = 2000;
  options.queues = 2;
  const auto report = runLoad(options);
  REQUIRE(report.ok());
  CHECK(backEnd.requests() <= 502);
  CHECK(report->tally.reads > 0);
}

TEST_CASE("load: an idle driver starts its rings and sends nothing") {
  RamBackEnd backEnd(1 << 20);
  Options options = loadOn(backEnd);
  options.idle = true;
  REQUIRE(runLoad(options).ok());
  CHECK(backEnd.requests() == 0);
}

TEST_CASE("load: a failed request is counted and named") {
  RamBackEnd backEnd(1 << 20, {.failRequest = 3});
  Options options = loadOn(backEnd);
  options.sequential = true;
  const auto report = runLoad(options);
  REQUIRE(report.ok());
  CHECK(report->tally.errors == 1);
  CHECK(report->tally.firstError == "read of sector 16: ended with status 1");
}

TEST_CASE("load: one wrong bit of one write is found at the end") {
  RamBackEnd backEnd(1 << 20, {.corruptWrite = 1});
  Options options = loadOn(backEnd);
  options.verify = true;
  options.readPercent = 0;
  options.sequential = true;
  options.rate = 100;  // fewer writes than blocks: no later one covers it
  options.seconds = 1;
  const auto report = runLoad(options);
  REQUIRE(report.ok());
  CHECK(report->tally.errors == 1);
  CHECK(report->tally.firstError ==
        "read of sector 0: in sector 7 generation 1 seed 1 the data after the stamp is wrong");
}

TEST_CASE("load: a back end that goes away ends the run with that reason") {
  for (const Completion completion : {Completion::kInterrupt, Completion::kPoll}) {
    RamBackEnd backEnd(1 << 20, {.closeAtRequest = 50});
    Options options = loadOn(backEnd);
    options.completion = completion;
    options.seconds = 60;
    const auto report = runLoad(options);
    REQUIRE_FALSE(report.ok());
    CHECK(report.error().code == ECONNRESET);
  }
}

TEST_CASE("load: a request that never comes back ends the run") {
  RamBackEnd backEnd(1 << 20, {.swallowRequest = 1});
  Options options = loadOn(backEnd);
  options.drainSeconds = 0.01;
  const auto report = runLoad(options);
  REQUIRE_FALSE(report.ok());
  CHECK(report.error().message == "1 requests of queue 0 did not come back in time");
}

TEST_CASE("load: what the device can't do is refused before any request") {
  RamBackEnd small(8192);
  Options options = loadOn(small);
  options.depth = 3;
  CHECK(runLoad(options).error().message == "the device or --range is too small");
  CHECK(small.requests() == 0);

  RamBackEnd other(8192);
  options = loadOn(other);
  options.range = 16384;
  CHECK(runLoad(options).error().message == "--range is larger than the device");

  RamBackEnd split(8192);
  options = loadOn(split);
  options.packed = true;
  CHECK(runLoad(options).error().message == "the back end has no packed rings");
}

}  // namespace
}  // namespace holdfast::loadgen
