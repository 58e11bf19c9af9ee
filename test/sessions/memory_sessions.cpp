/// Memory tables: changes while rings run, and tables that can't be.
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/unique_fd.h"
#include "sessions.h"

namespace holdfast::sessions {

using frontend::Descriptor;
using frontend::kDescriptorNext;
using frontend::kDescriptorWrite;
using frontend::MemTableHeader;
using frontend::SingleRegion;

namespace {

constexpr uint16_t kNextWrite = kDescriptorNext | kDescriptorWrite;
/// Of a second region, behind the first one.
constexpr uint64_t kSecond = Script::kGuestBase + Script::kMemorySize;
constexpr uint64_t kSecondFrontend = 0x6000'0000'0000;

UniqueFd file(uint64_t size) {
  UniqueFd memory(::memfd_create("region", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (memory && ::ftruncate(memory.get(), static_cast<off_t>(size)) != 0) memory.reset();
  return memory;
}

/// A region beside the one that is shared; a request follows on the first, then one whose data is
/// where the region begins.
void add(Script& script, const RegionDescription& region, const UniqueFd& memory) {
  script.start();
  script.ask(Request::kAddMemReg, pack(SingleRegion{0, region}), {memory.get()});
  script.read();
  if (script.ended()) return;
  script.writeHeader(VIRTIO_BLK_T_IN, 9);
  script.chain("read into it", {{script.header(), 16, kDescriptorNext, 1},
                                {region.guestAddr, 512, kNextWrite, 2},
                                {script.status(), 1, kDescriptorWrite, 0}});
}

/// SET_MEM_TABLE with the one region that there is, `kSaid` said and `kFiles` files.
template <uint32_t kSaid, size_t kRegions, size_t kFiles>
void table(Script& script) {
  script.start();
  const auto& region = script.memory().regions().front();
  Bytes payload = pack(MemTableHeader{kSaid, 0});
  for (size_t count = 0; count < kRegions; ++count) {
    RegionDescription description = region.description;
    description.guestAddr += count * Script::kMemorySize;
    description.frontendAddr += count * Script::kMemorySize;
    const Bytes bytes = pack(description);
    payload.insert(payload.end(), bytes.begin(), bytes.end());
  }
  script.ask(Request::kSetMemTable, payload, Fds(kFiles, region.file.get()));
  script.read();
}

/// Many regions of a page, one after the other.
template <unsigned kCount>
void many(Script& script) {
  script.start();
  const UniqueFd memory = file(4096);
  for (uint64_t count = 0; count < kCount && !script.refused(); ++count) {
    const RegionDescription region{.guestAddr = kSecond + 4096 * count,
                                   .size = 4096,
                                   .frontendAddr = kSecondFrontend + 4096 * count,
                                   .mmapOffset = 0};
    script.say(Request::kAddMemReg, pack(SingleRegion{0, region}), {memory.get()});
  }
  script.read();
}

constexpr RegionDescription kPage{
    .guestAddr = kSecond, .size = 4096, .frontendAddr = kSecondFrontend, .mmapOffset = 0};

constexpr Session kSessions[] = {
    {"a second region, used and removed",
     [](Script& script) {
       const UniqueFd memory = file(4096);
       add(script, kPage, memory);
       script.ask(Request::kRemMemReg, pack(SingleRegion{0, kPage}));
       script.read(5);
     }},
    {"a region at an offset of its file",
     [](Script& script) {
       const UniqueFd memory = file(12288);
       RegionDescription region = kPage;
       region.mmapOffset = 8192;
       add(script, region, memory);
     }},
    {"data that lies in two regions",
     [](Script& script) {
       script.start();
       const UniqueFd memory = file(4096);
       script.say(Request::kAddMemReg, pack(SingleRegion{0, kPage}), {memory.get()});
       script.writeHeader(VIRTIO_BLK_T_IN, 9);
       script.chain("read", {{script.header(), 16, kDescriptorNext, 1},
                             {kSecond - 512, 1024, kNextWrite, 2},
                             {script.status(), 1, kDescriptorWrite, 0}});
       script.read();
     }},
    {"SET_MEM_TABLE again while the ring runs", table<1, 1, 1>},
    {"SET_MEM_TABLE with other addresses while the ring runs",
     [](Script& script) {
       script.start();
       const auto& region = script.memory().regions().front();
       RegionDescription elsewhere = region.description;
       elsewhere.frontendAddr = kSecondFrontend;
       script.ask(Request::kSetMemTable, pack(MemTableHeader{1, 0}, elsewhere),
                  {region.file.get()});
     }},
    {"30 regions", many<30>},
    {"100 regions", many<100>},
    {"600 regions", many<600>},
    {"REM_MEM_REG of what is not there",
     [](Script& script) {
       script.start();
       script.ask(Request::kRemMemReg, pack(SingleRegion{0, kPage}));
       script.read();
     }},
    {"REM_MEM_REG of the memory in which the ring is",
     [](Script& script) {
       script.start();
       script.read();
       script.ask(Request::kRemMemReg,
                  pack(SingleRegion{0, script.memory().regions().front().description}));
       script.read(5);
     }},
    {"a region of no bytes",
     [](Script& script) {
       RegionDescription region = kPage;
       region.size = 0;
       add(script, region, file(4096));
     }},
    {"a region longer than its file",
     [](Script& script) {
       RegionDescription region = kPage;
       region.size = 8192;
       region.guestAddr = kSecond;
       script.start();
       const UniqueFd memory = file(4096);
       script.ask(Request::kAddMemReg, pack(SingleRegion{0, region}), {memory.get()});
       if (script.ended()) return;
       script.writeHeader(VIRTIO_BLK_T_GET_ID, 0);
       script.chain("serial into what is missing", {{script.header(), 16, kDescriptorNext, 1},
                                                    {kSecond + 4096, 20, kNextWrite, 2},
                                                    {script.status(), 1, kDescriptorWrite, 0}});
     }},
    {"a file that gets shorter",
     [](Script& script) {
       script.start();
       const UniqueFd memory = file(8192);
       RegionDescription region = kPage;
       region.size = 8192;
       script.say(Request::kAddMemReg, pack(SingleRegion{0, region}), {memory.get()});
       if (::ftruncate(memory.get(), 4096) != 0) return;
       script.writeHeader(VIRTIO_BLK_T_GET_ID, 0);
       script.chain("serial into what is missing", {{script.header(), 16, kDescriptorNext, 1},
                                                    {kSecond + 4096, 20, kNextWrite, 2},
                                                    {script.status(), 1, kDescriptorWrite, 0}});
     }},
    {"offset and size that wrap",
     [](Script& script) {
       RegionDescription region = kPage;
       region.size = 8192;
       region.mmapOffset = ~uint64_t{4095};
       add(script, region, file(4096));
     }},
    {"guest address and size that wrap",
     [](Script& script) {
       RegionDescription region = kPage;
       region.guestAddr = ~uint64_t{0} - 511;
       add(script, region, file(4096));
     }},
    {"a region of 2^63 bytes",
     [](Script& script) {
       RegionDescription region = kPage;
       region.size = uint64_t{1} << 63;
       add(script, region, file(4096));
     }},
    {"regions that overlap",
     [](Script& script) {
       RegionDescription region = kPage;
       region.guestAddr = Script::kGuestBase + 8192;
       add(script, region, file(4096));
     }},
    {"one region twice",
     [](Script& script) {
       script.start();
       script.shareMemory();
       script.read();
     }},
    {"a region whose file is an eventfd",
     [](Script& script) { add(script, kPage, UniqueFd(::eventfd(0, EFD_CLOEXEC))); }},
    {"a region whose file is read only",
     [](Script& script) {
       const UniqueFd memory = file(4096);
       if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_WRITE) != 0) return;
       add(script, kPage, memory);
     }},
    {"SET_MEM_TABLE of no regions", table<0, 0, 0>},
    {"SET_MEM_TABLE with fewer files than regions", table<2, 2, 1>},
    {"SET_MEM_TABLE with more files than regions", table<1, 1, 2>},
    {"SET_MEM_TABLE that says more regions than it has", table<8, 1, 8>},
    {"SET_MEM_TABLE of 9 regions", table<9, 8, 8>},
    {"SET_MEM_TABLE of 2^32 - 1 regions", table<0xffff'ffff, 1, 1>},
};

}  // namespace

const SessionGroup kMemory{"memory", kSessions};

}  // namespace holdfast::sessions
