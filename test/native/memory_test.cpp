#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "core/memory/memory_map.h"

namespace holdfast {
namespace {

constexpr uint64_t kPage = 4096;

UniqueFd memoryFile(uint64_t size, unsigned flags = 0) {
  UniqueFd file(::memfd_create("memory", MFD_CLOEXEC | flags));
  if (file && ::ftruncate(file.get(), static_cast<off_t>(size)) != 0) file.reset();
  return file;
}

std::shared_ptr<const MemoryRegion> regionOf(const RegionDescription& description) {
  auto region =
      MemoryRegion::map(description, memoryFile(description.mmapOffset + description.size));
  REQUIRE(region.ok());
  return std::move(*region);
}

std::string errorOf(const RegionDescription& description, UniqueFd fd) {
  const auto region = MemoryRegion::map(description, std::move(fd));
  REQUIRE_FALSE(region.ok());
  return region.error().message;
}

/// The lines of /proc/self/smaps about the mapping that contains `address`; empty: none does.
std::string smapsOf(const std::byte* address) {
  std::ifstream smaps("/proc/self/smaps");
  std::string line, text;
  bool inside = false;
  while (std::getline(smaps, line)) {
    unsigned long start = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &start, &end) == 2) {
      const auto at = reinterpret_cast<uintptr_t>(address);
      inside = start <= at && at < end;
    }
    if (inside) text += line + "\n";
  }
  return text;
}

bool isReadable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

// --- regions

TEST_CASE("memory region: what the peer writes is seen here, and the other way round") {
  const UniqueFd file = memoryFile(4 * kPage);
  char peer = 'p';
  REQUIRE(::pwrite(file.get(), &peer, 1, 2 * kPage + 100) == 1);
  const auto region = MemoryRegion::map({0, kPage, 0, 2 * kPage}, UniqueFd(::dup(file.get())));
  REQUIRE(region.ok());
  CHECK((*region)->hostAddr()[100] == std::byte{'p'});
  (*region)->hostAddr()[0] = std::byte{'h'};
  REQUIRE(::pread(file.get(), &peer, 1, 2 * kPage) == 1);
  CHECK(peer == 'h');
}

TEST_CASE("memory region: neither offset nor size need be multiples of the page size") {
  const UniqueFd file = memoryFile(2 * kPage);
  const char text[] = "here";
  REQUIRE(::pwrite(file.get(), text, sizeof text, 100) == sizeof text);
  const auto region = MemoryRegion::map({7, 2 * kPage - 100, 9, 100}, UniqueFd(::dup(file.get())));
  REQUIRE(region.ok());
  CHECK(std::memcmp((*region)->hostAddr(), text, sizeof text) == 0);
  (*region)->hostAddr()[2 * kPage - 101] = std::byte{1};
}

TEST_CASE("memory region: it is left out of children and of core dumps") {
  const auto region = regionOf({0, kPage, 0, 0});
  const std::string smaps = smapsOf(region->hostAddr());
  const std::string flags = smaps.substr(smaps.find("VmFlags:"));
  CHECK(flags.find(" sh ") != std::string::npos);
  CHECK(flags.find(" dc ") != std::string::npos);
  CHECK(flags.find(" dd ") != std::string::npos);
}

TEST_CASE("memory region: it is unmapped with its last reference, and no sooner") {
  auto region = regionOf({0, kPage, 0, 0});
  const std::byte* address = region->hostAddr();
  auto inFlight = region;
  region.reset();
  CHECK_FALSE(smapsOf(address).empty());
  inFlight.reset();
  CHECK(smapsOf(address).empty());
}

TEST_CASE("memory region: hugetlbfs is mapped in its own page size") {
  UniqueFd file = memoryFile(2 << 20, MFD_HUGETLB);
  REQUIRE(file.valid());
  // One byte more than a small page: rounding to 4 KiB would make mmap fail.
  auto region = MemoryRegion::map({0, kPage + 1, 0, 8}, std::move(file));
  REQUIRE_MESSAGE(region.ok(), region.error().message);
  const std::byte* address = (*region)->hostAddr();
  CHECK(reinterpret_cast<uintptr_t>(address) % (2 << 20) == 8);
  *region = nullptr;
  CHECK(smapsOf(address).empty());
}

TEST_CASE("memory region: every refusal names the region") {
  const std::string subject = "the memory region of 0x2000 bytes at guest address 0x40000000 ";
  RegionDescription region{0x4000'0000, 0x2000, 0, 0};
  CHECK(errorOf(region, UniqueFd()) ==
        subject +
            "came without a file; share the guest's memory: start QEMU with -object "
            "memory-backend-memfd,id=mem,size=...,share=on and -machine memory-backend=mem");
  CHECK(errorOf(region, UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)))
            .find(subject + "is not a file that can be shared; share the guest's memory") == 0);
  CHECK(errorOf(region, memoryFile(0x1fff)) == subject + "is longer than its file");
  region.mmapOffset = ~uint64_t{0} - 0x1fff;
  CHECK(errorOf(region, memoryFile(0x2000)) ==
        subject + "reaches past the end of its address space");
  region.mmapOffset = ~uint64_t{0} - 0x2000;
  CHECK(errorOf(region, memoryFile(0x2000)) == subject + "is longer than its file");
  CHECK(errorOf({}, memoryFile(0x2000)) ==
        "the memory region of 0x0 bytes at guest address 0x0 is empty");
}

TEST_CASE("memory region: a file that may only be read is refused by its error") {
  const UniqueFd file = memoryFile(kPage);
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  CHECK(errorOf({0, kPage, 0, 0}, UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC))) ==
        "mmap of the memory region of 0x1000 bytes at guest address 0x0: Permission denied");
}

// --- files that are truncated later

TEST_CASE("memory region: a file truncated later reads as zeros, and the alarm tells") {
  const UniqueFd file = memoryFile(4 * kPage);
  const auto alarm = std::make_shared<EventFd>();
  const auto quiet = std::make_shared<EventFd>();
  const auto map = [&](uint64_t offset, const std::shared_ptr<EventFd>& onTruncated) {
    auto region =
        MemoryRegion::map({0, 2 * kPage, 0, offset}, UniqueFd(::dup(file.get())), onTruncated);
    REQUIRE(region.ok());
    std::memset((*region)->hostAddr(), 1, 2 * kPage);
    return std::move(*region);
  };
  const auto low = map(0, quiet), high = map(2 * kPage, alarm), lowAgain = map(0, quiet);
  REQUIRE(::ftruncate(file.get(), 3 * kPage) == 0);
  CHECK(high->hostAddr()[0] == std::byte{1});
  CHECK_FALSE(isReadable(alarm->get()));

  const volatile std::byte* beyond = high->hostAddr() + kPage;
  CHECK(*beyond == std::byte{0});
  CHECK(isReadable(alarm->get()));
  CHECK(high->hostAddr()[0] == std::byte{0});
  high->hostAddr()[kPage] = std::byte{2};
  CHECK(*beyond == std::byte{2});

  CHECK(low->hostAddr()[2 * kPage - 1] == std::byte{1});
  CHECK(lowAgain->hostAddr()[2 * kPage - 1] == std::byte{1});
  CHECK_FALSE(isReadable(quiet->get()));
}

TEST_CASE("memory region: without an alarm a truncated file is survived too") {
  const UniqueFd file = memoryFile(kPage);
  const auto region = MemoryRegion::map({0, kPage, 0, 0}, UniqueFd(::dup(file.get())));
  REQUIRE(region.ok());
  REQUIRE(::ftruncate(file.get(), 0) == 0);
  (*region)->hostAddr()[5] = std::byte{1};
  CHECK((*region)->hostAddr()[5] == std::byte{1});
}

TEST_CASE("memory region: a bus error anywhere else still ends the process") {
  regionOf({0, kPage, 0, 0}).reset();  // the handler is there, its slot is free again
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(STDERR_FILENO);  // a sanitizer's report
    ::alarm(10);
    const UniqueFd file = memoryFile(kPage);
    void* other = ::mmap(nullptr, kPage, PROT_READ, MAP_SHARED, file.get(), 0);
    if (::ftruncate(file.get(), 0) != 0) ::_exit(0);
    ::_exit(*static_cast<volatile char*>(other));
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK_FALSE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  CHECK_FALSE((WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM));
}

// --- maps

MemoryMap mapOf(std::initializer_list<RegionDescription> descriptions) {
  MemoryMap map;
  for (const RegionDescription& description : descriptions) {
    auto next = map.with(regionOf(description));
    REQUIRE(next.ok());
    map = **next;
  }
  return map;
}

TEST_CASE("memory map: a guest address is found whatever region was cached") {
  const MemoryMap map =
      mapOf({{8 * kPage, kPage, 0, 0}, {0, 2 * kPage, 0, 0}, {0xffff'ffff'0000'0000, kPage, 0, 0}});
  REQUIRE(map.size() == 3);
  CHECK(map.regions()[0]->description().guestAddr == 0);
  CHECK(map.regions()[1]->description().guestAddr == 8 * kPage);
  for (const uint32_t cached : {0U, 1U, 2U, 3U, ~0U}) {
    CAPTURE(cached);
    const auto find = [&](uint64_t guestAddr) {
      uint32_t region = cached;
      return map.fromGuest(guestAddr, 1, region).hostAddr;
    };
    CHECK(find(0) == map.regions()[0]->hostAddr());
    CHECK(find(2 * kPage - 1) == map.regions()[0]->hostAddr() + 2 * kPage - 1);
    CHECK(find(2 * kPage) == nullptr);
    CHECK(find(8 * kPage - 1) == nullptr);
    CHECK(find(8 * kPage) == map.regions()[1]->hostAddr());
    CHECK(find(9 * kPage) == nullptr);
    CHECK(find(0xffff'ffff'0000'0fff) == map.regions()[2]->hostAddr() + kPage - 1);
    CHECK(find(~uint64_t{0}) == nullptr);
  }
}

TEST_CASE("memory map: the cached region is remembered") {
  const MemoryMap map = mapOf({{0, kPage, 0, 0}, {kPage, kPage, 0, 0}});
  uint32_t cached = 0;
  map.fromGuest(kPage, 1, cached);
  CHECK(cached == 1);
}

TEST_CASE("memory map: a range ends with its region, however long it is meant to be") {
  const MemoryMap map = mapOf({{0, 2 * kPage, 0, 0}, {2 * kPage, kPage, 0, 0}});
  uint32_t cached = 0;
  CHECK(map.fromGuest(kPage, kPage, cached).size == kPage);
  CHECK(map.fromGuest(kPage, kPage + 1, cached).size == kPage);
  CHECK(map.fromGuest(1, ~uint64_t{0}, cached).size == 2 * kPage - 1);
  CHECK(map.fromGuest(2 * kPage, 2 * kPage, cached).size == kPage);
  CHECK(map.fromGuest(0, 0, cached).size == 0);
}

TEST_CASE("memory map: nothing is found in an empty one") {
  const MemoryMap map;
  uint32_t cached = 0;
  CHECK(map.fromGuest(0, 1, cached).hostAddr == nullptr);
  CHECK(map.fromFrontend(0, 1) == nullptr);
}

TEST_CASE("memory map: a front end's address needs all its bytes in one region") {
  const MemoryMap map = mapOf({{0, 2 * kPage, 0x7000'0000, 0}, {4 * kPage, kPage, 0x7000'2000, 0}});
  const std::byte* first = map.regions()[0]->hostAddr();
  CHECK(map.fromFrontend(0x7000'0000, 2 * kPage) == first);
  CHECK(map.fromFrontend(0x7000'1fff, 1) == first + 2 * kPage - 1);
  CHECK(map.fromFrontend(0x7000'1fff, 2) == nullptr);
  CHECK(map.fromFrontend(0x7000'2000, kPage) == map.regions()[1]->hostAddr());
  CHECK(map.fromFrontend(0x6fff'ffff, 1) == nullptr);
  CHECK(map.fromFrontend(0x7000'3000, 1) == nullptr);
  CHECK(map.fromFrontend(0x7000'0000, ~uint64_t{0}) == nullptr);
  CHECK(map.fromFrontend(~uint64_t{0}, 2) == nullptr);
}

TEST_CASE("memory map: regions may touch but not overlap in guest addresses") {
  const MemoryMap map = mapOf({{4 * kPage, 4 * kPage, 0, 0}});
  const auto fits = [&](uint64_t guestAddr, uint64_t size) {
    return map.with(regionOf({guestAddr, size, 0, 0})).ok();
  };
  CHECK(fits(3 * kPage, kPage));
  CHECK(fits(8 * kPage, kPage));
  CHECK_FALSE(fits(4 * kPage, 4 * kPage));
  CHECK_FALSE(fits(5 * kPage, kPage));
  CHECK_FALSE(fits(3 * kPage, kPage + 1));
  CHECK_FALSE(fits(8 * kPage - 1, kPage));
  CHECK_FALSE(fits(0, 16 * kPage));
}

TEST_CASE("memory map: a change leaves the map it came from as it was") {
  const MemoryMap map = mapOf({{0, kPage, 5, 0}});
  const auto more = map.with(regionOf({kPage, kPage, 6, 0}));
  REQUIRE(more.ok());
  const auto less = (*more)->without({0, kPage, 5, 0});
  REQUIRE(less.ok());
  CHECK(map.size() == 1);
  CHECK((*more)->size() == 2);
  REQUIRE((*less)->size() == 1);
  CHECK((*less)->regions()[0]->description().guestAddr == kPage);
}

}  // namespace
}  // namespace holdfast
