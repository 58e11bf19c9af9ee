#include <sys/mman.h>

#include "session_fixture.h"

namespace holdfast::test {
namespace {

using Calls = std::vector<std::string>;

constexpr uint64_t kPage = 4096;
constexpr uint64_t kMiB = 1 << 20;

/// A file of shared memory with `size` bytes.
UniqueFd memoryFile(uint64_t size) {
  UniqueFd file(::memfd_create("memory", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), static_cast<off_t>(size)) == 0);
  return file;
}

TEST_CASE("session: SET_MEM_TABLE replaces the whole map") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  const UniqueFd file = memoryFile(4 * kMiB);
  const RegionDescription first[] = {{0, kMiB, 0x1000'0000, 0}, {kMiB, kMiB, 0x2000'0000, kMiB}};
  const int files[] = {file.get(), file.get()};
  REQUIRE(run.front().setMemTable(first, files).ok());
  CHECK(device.memory()->size() == 2);

  const RegionDescription second[] = {{0, 2 * kMiB, 0x3000'0000, 2 * kMiB}};
  REQUIRE(run.front().setMemTable(second, std::span(files).first(1)).ok());
  REQUIRE(device.memory()->size() == 1);
  CHECK(device.memory()->regions()[0]->description() == second[0]);
}

TEST_CASE("session: user-mode Linux's SET_MEM_TABLE has room for more regions than it names") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  const UniqueFd file = memoryFile(kMiB);
  struct {
    frontend::MemTableHeader header{1, 0};
    RegionDescription regions[2] = {{0x8000, kMiB - 0x8000, 0x8000, 0x8000}, {}};
  } payload;
  const int fd = file.get();
  CHECK(run.front().command(Request::kSetMemTable, bytesOf(payload), std::span(&fd, 1)).ok());
  CHECK(device.memory()->size() == 1);
}

TEST_CASE("session: SET_MEM_TABLE without regions leaves no memory") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  CHECK(run.front().setMemTable({}, {}).ok());
  CHECK(device.memory()->size() == 0);
}

TEST_CASE("session: ADD_MEM_REG and REM_MEM_REG change the map") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  const UniqueFd file = memoryFile(2 * kMiB);
  const RegionDescription low{0, kMiB, 0x1000'0000, 0}, high{8 * kMiB, kMiB, 0x2000'0000, kMiB};
  REQUIRE(run.front().addMemReg(low, file.get()).ok());
  REQUIRE(run.front().addMemReg(high, file.get()).ok());
  CHECK(device.memory()->size() == 2);

  SUBCASE("the mmap offset doesn't matter for the removal") {
    RegionDescription asked = low;
    asked.mmapOffset = 12345;
    REQUIRE(run.front().remMemReg(asked).ok());
    REQUIRE(device.memory()->size() == 1);
    CHECK(device.memory()->regions()[0]->description() == high);
  }
  SUBCASE("a removal may carry the region's fd, which is closed") {
    run.settle();
    const size_t before = openFds();
    const int fd = file.get();
    REQUIRE(run.front()
                .command(Request::kRemMemReg, bytesOf(frontend::SingleRegion{0, low}),
                         std::span(&fd, 1))
                .ok());
    run.settle();
    // Nor is the one kept that it came with.
    CHECK(openFds() == before - 1);
  }
  SUBCASE("an unknown region can't be removed") {
    RegionDescription other = low;
    SUBCASE("guest address") {
      other.guestAddr = kMiB;
    }
    SUBCASE("size") {
      other.size = kMiB / 2;
    }
    SUBCASE("front end address") {
      other.frontendAddr += 1;
    }
    CHECK_FALSE(run.front().remMemReg(other).ok());
    CHECK(device.memory()->size() == 2);
  }
  SUBCASE("nor one twice") {
    REQUIRE(run.front().remMemReg(low).ok());
    CHECK_FALSE(run.front().remMemReg(low).ok());
  }
}

TEST_CASE("session: a region that a ring needs can't be removed, and stays") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  const RegionDescription region = run.memory().regions().front().description;
  device.refuse("setMemory 0");
  CHECK_FALSE(run.front().remMemReg(region).ok());
  device.allow("setMemory 0");
  CHECK(run.front().remMemReg(region).ok());
}

TEST_CASE("session: 509 memory slots, and no more") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  const UniqueFd file = memoryFile(4096);
  const size_t before = openFds();
  for (uint64_t i = 0; i < 509; ++i)
    REQUIRE(run.front().addMemReg({i * kPage, kPage, i * kPage, 0}, file.get()).ok());
  CHECK_FALSE(run.front().addMemReg({509 * kPage, kPage, 0, 0}, file.get()).ok());
  CHECK(device.memory()->size() == 509);
  CHECK(openFds() == before + 509);
  REQUIRE(run.front().setMemTable({}, {}).ok());
  CHECK(openFds() == before);
}

TEST_CASE("session: libblkio's host addresses as guest addresses, added while a ring runs") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  REQUIRE(run.memory().addRegionAtHostAddr(kMiB).ok());
  REQUIRE(run.memory().addRegionAtHostAddr(kMiB).ok());
  const auto& regions = run.memory().regions();
  REQUIRE(run.front().addMemReg(regions[0].description, regions[0].file.get()).ok());
  run.startRing(0);
  REQUIRE(run.front().setVringEnable(0, true).ok());
  device.takeCalls();
  REQUIRE(run.front().addMemReg(regions[1].description, regions[1].file.get()).ok());
  CHECK(device.takeCalls() == Calls{"setMemory 2"});
}

TEST_CASE("session: memory that can't be used is refused and changes nothing") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  device.takeCalls();
  const UniqueFd file = memoryFile(kMiB);
  const uint64_t top = ~uint64_t{0};
  int fd = file.get();
  RegionDescription region{kMiB, kMiB, kMiB, 0};
  std::string why;

  SUBCASE("empty") {
    region.size = 0;
    why = "is empty";
  }
  SUBCASE("guest addresses wrap") {
    region.guestAddr = top - kMiB + 1;
    why = "reaches past the end of its address space";
  }
  SUBCASE("front end addresses wrap") {
    region.frontendAddr = top - kMiB + 1;
    why = "reaches past the end of its address space";
  }
  SUBCASE("offset and size wrap") {
    region.mmapOffset = top - kMiB + 1;
    why = "reaches past the end of its address space";
  }
  SUBCASE("size of all there is") {
    region.size = top;
    why = "reaches past the end of its address space";
  }
  SUBCASE("longer than its file by its size") {
    region.size = kMiB + 1;
    why = "is longer than its file";
  }
  SUBCASE("longer than its file by its offset") {
    region.mmapOffset = 4096;
    why = "is longer than its file";
  }
  SUBCASE("an offset beyond what files have") {
    region.mmapOffset = uint64_t{1} << 63;
    why = "is longer than its file";
  }
  SUBCASE("overlapping one that is there") {
    region.guestAddr = 0x8000;
    why = "overlaps the memory region of 0x10000 bytes at guest address 0x0";
  }
  SUBCASE("not a file") {
    fd = run.stopFd();
    why = "is not a file that can be shared";
  }
  CHECK_FALSE(run.front().addMemReg(region, fd).ok());
  CHECK(device.takeCalls().empty());
  CHECK(run.stop().ok());
  REQUIRE(run.warnings().size() == 1);
  CHECK_MESSAGE(run.warnings()[0].find(why) != std::string::npos, run.warnings()[0]);
  CHECK(run.warnings()[0].find("ADD_MEM_REG refused: the memory region of ") == 0);
}

TEST_CASE("session: a region without an fd names the QEMU option that is missing") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  const RegionDescription region{0, kMiB, 0, 0};
  SUBCASE("ADD_MEM_REG") {
    CHECK_FALSE(
        run.front().command(Request::kAddMemReg, bytesOf(frontend::SingleRegion{0, region})).ok());
  }
  SUBCASE("SET_MEM_TABLE") {
    CHECK_FALSE(run.front().setMemTable(std::span(&region, 1), {}).ok());
  }
  CHECK(run.stop().ok());
  REQUIRE(run.warnings().size() == 1);
  CHECK(run.warnings()[0].find("came without a file; share the guest's memory: start QEMU with "
                               "-object memory-backend-memfd,id=mem,size=...,share=on") !=
        std::string::npos);
}

TEST_CASE("session: a SET_MEM_TABLE that isn't sound is refused and changes nothing") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  const UniqueFd file = memoryFile(kMiB);
  const std::vector<int> files(32, file.get());
  struct {
    frontend::MemTableHeader header;
    RegionDescription regions[2] = {{0, 4096, 0, 0}, {4096, 4096, 0, 0}};
  } table;
  const auto refused = [&](uint32_t count, size_t fds) {
    table.header.regionCount = count;
    return !run.front().command(Request::kSetMemTable, bytesOf(table), std::span(files).first(fds));
  };
  SUBCASE("more regions than the payload has") {
    CHECK(refused(3, 3));
    CHECK(refused(~0U, 0));
    CHECK(refused(0x8000'0000, 0));
  }
  SUBCASE("more fds than regions") {
    CHECK(refused(2, 3));
    CHECK(refused(0, 1));
  }
  SUBCASE("fewer fds than regions") {
    CHECK(refused(2, 1));
  }
  SUBCASE("overlapping regions") {
    table.regions[1].guestAddr = 4095;
    CHECK(refused(2, 2));
  }
  SUBCASE("the last region is bad") {
    table.regions[1].size = 2 * kMiB;
    CHECK(refused(2, 2));
  }
  CHECK(device.memory()->regions()[0]->description().size == 0x10000);
  table = {};
  CHECK_FALSE(refused(2, 2));
}

TEST_CASE("session: memory truncated while a ring runs ends the connection with a reason") {
  FakeDevice device;
  SessionRun run(device);
  run.negotiate();
  run.shareMemory();
  run.startRing(0);
  const auto memory = device.memory();
  REQUIRE(::ftruncate(run.memory().files().front(), 0) == 0);
  // As a queue worker would.
  CHECK(memory->regions()[0]->hostAddr()[0x8000] == std::byte{0});
  CHECK(run.endReason() == "the front end truncated a file of shared memory");
  CHECK(device.takeCalls().back() == "disconnected");
}

}  // namespace
}  // namespace holdfast::test
