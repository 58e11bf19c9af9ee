#include "core/memory/dirty_log.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "support/sanitizers.h"

namespace holdfast {
namespace {

constexpr uint64_t kPage = DirtyLog::kPageSize;

UniqueFd memoryFile(uint64_t size) {
  UniqueFd file(::memfd_create("log", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), static_cast<off_t>(size)) == 0);
  return file;
}

/// A log of `size` bytes, and its file.
struct Log {
  explicit Log(uint64_t size, uint64_t offset = 0)
      : file(memoryFile(size + offset)), start(offset) {
    auto mapped = DirtyLog::map(size, offset, UniqueFd(::dup(file.get())), nullptr);
    REQUIRE(mapped.ok());
    log = *mapped;
  }
  uint8_t byte(uint64_t index) const {
    uint8_t value = 0;
    REQUIRE(::pread(file.get(), &value, 1, static_cast<off_t>(start + index)) == 1);
    return value;
  }
  UniqueFd file;
  uint64_t start;
  std::shared_ptr<const DirtyLog> log;
};

std::string refusal(uint64_t size, uint64_t offset, UniqueFd file) {
  const auto log = DirtyLog::map(size, offset, std::move(file), nullptr);
  REQUIRE_FALSE(log.ok());
  return log.error().message;
}

TEST_CASE("dirty log: page n is bit n%8 of byte n/8") {
  const Log log(16);
  log.log->mark(0, 1);
  CHECK(log.byte(0) == 0x01);
  log.log->mark(3 * kPage + 4095, 1);
  CHECK(log.byte(0) == 0x09);
  log.log->mark(17 * kPage, 1);
  CHECK(log.byte(2) == 0x02);
  CHECK(log.byte(1) == 0);
}

TEST_CASE("dirty log: a range marks every page it touches, over bytes of the log too") {
  const Log log(16);
  SUBCASE("across one boundary") {
    log.log->mark(kPage - 1, 2);
    CHECK(log.byte(0) == 0x03);
  }
  SUBCASE("pages 6 to 17") {
    log.log->mark(6 * kPage + 100, 11 * kPage + 100);
    CHECK(log.byte(0) == 0xc0);
    CHECK(log.byte(1) == 0xff);
    CHECK(log.byte(2) == 0x03);
    CHECK(log.byte(3) == 0);
  }
  SUBCASE("up to a boundary, and not beyond") {
    log.log->mark(0, kPage);
    CHECK(log.byte(0) == 0x01);
  }
  SUBCASE("nothing") {
    log.log->mark(kPage, 0);
    CHECK(log.byte(0) == 0);
  }
}

TEST_CASE("dirty log: what lies beyond its end is left out, wherever it begins") {
  const Log log(2);
  log.log->mark(15 * kPage, 100 * kPage);
  CHECK(log.byte(1) == 0x80);
  log.log->mark(16 * kPage, 1);
  log.log->mark(UINT64_MAX, 1);
  log.log->mark(UINT64_MAX - 5, UINT64_MAX);
  log.log->mark(UINT64_MAX, UINT64_MAX);
  CHECK(log.byte(1) == 0x80);
  CHECK(log.byte(0) == 0);
}

TEST_CASE("dirty log: it begins at its offset in the file, of any alignment") {
  const Log log(8, 4099);
  log.log->mark(9 * kPage, 1);
  CHECK(log.byte(1) == 0x02);
  CHECK(log.log->covers(64 * kPage));
  CHECK_FALSE(log.log->covers(64 * kPage + 1));
}

TEST_CASE("dirty log: marks of several threads to one byte are all there") {
  const Log log(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::thread> threads;
    for (uint64_t page = 0; page < 8; ++page)
      threads.emplace_back([&log, page] { log.log->mark(page * kPage, 1); });
    for (std::thread& thread : threads) thread.join();
    REQUIRE(log.byte(0) == 0xff);
    const uint8_t none = 0;
    REQUIRE(::pwrite(log.file.get(), &none, 1, 0) == 1);
  }
}

TEST_CASE("dirty log: a file that can't hold it is refused") {
  CHECK(refusal(0, 0, memoryFile(4096)) == "the dirty log is empty");
  CHECK(refusal(4097, 0, memoryFile(4096)) == "the dirty log is longer than its file");
  CHECK(refusal(1, 4096, memoryFile(4096)) == "the dirty log is longer than its file");
  CHECK(refusal(4096, UINT64_MAX - 4095, memoryFile(4096)) ==
        "the dirty log reaches past the end of its address space");
  CHECK(refusal(UINT64_MAX, 4096, memoryFile(4096)) ==
        "the dirty log reaches past the end of its address space");
  CHECK(refusal(UINT64_MAX, 0, memoryFile(4096)) == "the dirty log is longer than its file");
  CHECK(refusal(16, 0, UniqueFd()).starts_with("the dirty log came without a file"));
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const UniqueFd other(ends[1]);
  CHECK(refusal(16, 0, UniqueFd(ends[0])).starts_with("the dirty log is not a file"));
}

#ifndef HOLDFAST_NO_FAULTS_IN_ATOMICS
TEST_CASE("dirty log: a file that is truncated later is survived, and told of") {
  const UniqueFd file = memoryFile(8192);
  const auto alarm = std::make_shared<EventFd>();
  const auto log = DirtyLog::map(8192, 0, UniqueFd(::dup(file.get())), alarm);
  REQUIRE(log.ok());
  REQUIRE(::ftruncate(file.get(), 0) == 0);
  (*log)->mark(5 * kPage, kPage);
  uint64_t count = 0;
  CHECK(::read(alarm->get(), &count, sizeof count) == sizeof count);
}
#endif

}  // namespace
}  // namespace holdfast
