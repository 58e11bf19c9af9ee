/// What requests bring.
#include <linux/virtio_blk.h>

#include <cstring>

#include "sessions.h"

namespace holdfast::sessions {

using frontend::Descriptor;
using frontend::kDescriptorIndirect;
using frontend::kDescriptorNext;
using frontend::kDescriptorWrite;

namespace {

constexpr uint16_t kNextWrite = kDescriptorNext | kDescriptorWrite;
/// Of the image, in sectors.
constexpr uint64_t kCapacity = 2048;

constexpr uint64_t kFeatures =
    Script::kFeatures | 1ULL << VIRTIO_BLK_F_DISCARD | 1ULL << VIRTIO_BLK_F_WRITE_ZEROES;

/// A running ring, and one request on it.
template <uint32_t kType, uint64_t kSector, uint32_t kSize>
void one(Script& script) {
  script.start(kFeatures);
  script.request("request", kType, kSector, kSize);
  script.read();
}

void putTable(Script& script, std::initializer_list<Descriptor> entries) {
  std::memcpy(script.memory().hostAddr(script.table()), entries.begin(),
              entries.size() * sizeof(Descriptor));
}

constexpr Session kSessions[] = {
    {"a write, and the same sectors read",
     [](Script& script) {
       script.start();
       const auto bytes = script.dataBytes(1024);
       std::fill(bytes.begin(), bytes.end(), std::byte{0x5a});
       script.request("write", VIRTIO_BLK_T_OUT, 200, 1024);
       std::fill(bytes.begin(), bytes.end(), std::byte{0});
       script.request("read", VIRTIO_BLK_T_IN, 200, 1024);
       script.note(bytes[0] == std::byte{0x5a} && bytes[1023] == std::byte{0x5a}
                       ? "what was written"
                       : "something else");
     }},
    {"64 KiB in one request", one<VIRTIO_BLK_T_IN, 0, 65536>},
    {"a flush", one<VIRTIO_BLK_T_FLUSH, 0, 0>},
    {"a flush with data", one<VIRTIO_BLK_T_FLUSH, 0, 512>},
    {"GET_ID", one<VIRTIO_BLK_T_GET_ID, 0, 20>},
    {"GET_ID of 19 bytes", one<VIRTIO_BLK_T_GET_ID, 0, 19>},
    {"GET_ID of 1 byte", one<VIRTIO_BLK_T_GET_ID, 0, 1>},
    {"GET_ID of no bytes", one<VIRTIO_BLK_T_GET_ID, 0, 0>},
    {"an unknown type", one<77, 0, 512>},
    {"a SCSI command that was not negotiated", one<2, 0, 512>},
    {"a type with the bit of old barriers", one<0x8000'0000, 3, 512>},
    {"a secure erase that was not offered", one<14, 0, 16>},
    {"a read of no sectors", one<VIRTIO_BLK_T_IN, 3, 0>},
    {"a write of no sectors", one<VIRTIO_BLK_T_OUT, 3, 0>},
    {"a read of 511 bytes", one<VIRTIO_BLK_T_IN, 3, 511>},
    {"a write of 513 bytes", one<VIRTIO_BLK_T_OUT, 300, 513>},
    {"a read behind the end", one<VIRTIO_BLK_T_IN, kCapacity, 512>},
    {"a read across the end", one<VIRTIO_BLK_T_IN, kCapacity - 1, 1024>},
    {"a write behind the end", one<VIRTIO_BLK_T_OUT, kCapacity + 8, 512>},
    {"a read whose byte offset is 2^64", one<VIRTIO_BLK_T_IN, uint64_t{1} << 55, 512>},
    {"a read of the last sector number there is", one<VIRTIO_BLK_T_IN, ~uint64_t{0}, 512>},
    {"a discard",
     [](Script& script) {
       script.start(kFeatures);
       const virtio_blk_discard_write_zeroes range{400, 8, 0};
       std::memcpy(script.dataBytes(16).data(), &range, sizeof range);
       script.request("discard", VIRTIO_BLK_T_DISCARD, 0, 16);
     }},
    {"zeroes written",
     [](Script& script) {
       script.start(kFeatures);
       const virtio_blk_discard_write_zeroes range{400, 8, 0};
       std::memcpy(script.dataBytes(16).data(), &range, sizeof range);
       script.request("zeroes", VIRTIO_BLK_T_WRITE_ZEROES, 0, 16);
     }},
    {"zeroes written behind the end",
     [](Script& script) {
       script.start(kFeatures);
       const virtio_blk_discard_write_zeroes range{~uint64_t{0} / 512, 8, 0};
       std::memcpy(script.dataBytes(16).data(), &range, sizeof range);
       script.request("zeroes", VIRTIO_BLK_T_WRITE_ZEROES, 0, 16);
     }},
    {"a discard of 15 bytes", one<VIRTIO_BLK_T_DISCARD, 0, 15>},
    {"an indirect table",
     [](Script& script) {
       script.start();
       script.writeHeader(VIRTIO_BLK_T_IN, 9);
       putTable(script, {{script.header(), 16, kDescriptorNext, 1},
                         {script.data(), 512, kNextWrite, 2},
                         {script.status(), 1, kDescriptorWrite, 0}});
       script.chain("read", {{script.table(), 48, kDescriptorIndirect, 0}});
       script.read();
     }},
    {"data in several descriptors",
     [](Script& script) {
       script.start();
       script.writeHeader(VIRTIO_BLK_T_IN, 9);
       script.chain("read", {{script.header(), 16, kDescriptorNext, 1},
                             {script.data(), 512, kNextWrite, 2},
                             {script.data() + 4096, 1024, kNextWrite, 3},
                             {script.status(), 1, kDescriptorWrite, 0}});
       script.read();
     }},
    {"the header in two descriptors",
     [](Script& script) {
       script.start();
       script.writeHeader(VIRTIO_BLK_T_IN, 9);
       script.chain("read", {{script.header(), 8, kDescriptorNext, 1},
                             {script.header() + 8, 8, kDescriptorNext, 2},
                             {script.data(), 512, kNextWrite, 3},
                             {script.status(), 1, kDescriptorWrite, 0}});
       script.read();
     }},
    {"data and status in one descriptor",
     [](Script& script) {
       script.start();
       script.writeHeader(VIRTIO_BLK_T_IN, 9);
       const auto bytes = script.dataBytes(513);
       std::fill(bytes.begin(), bytes.end(), std::byte{0xff});
       script.chain("read", {{script.header(), 16, kDescriptorNext, 1},
                             {script.data(), 513, kDescriptorWrite, 0}});
       script.note("the last byte is " + std::to_string(unsigned(bytes[512])));
     }},
    {"the length that a read's used element has",
     [](Script& script) {
       script.start();
       script.read();
       script.note("length " + std::to_string(script.usedLength()));
     }},
    {"the length that a write's used element has",
     [](Script& script) {
       script.start();
       script.request("write", VIRTIO_BLK_T_OUT, 100, 512);
       script.note("length " + std::to_string(script.usedLength()));
     }},
    {"the length that a flush's used element has",
     [](Script& script) {
       script.start();
       script.request("flush", VIRTIO_BLK_T_FLUSH, 0, 0);
       script.note("length " + std::to_string(script.usedLength()));
     }},
    {"a read longer than the ring's size in descriptors allows, by an indirect table",
     [](Script& script) {
       script.start();
       script.writeHeader(VIRTIO_BLK_T_IN, 0);
       std::vector<Descriptor> entries{{script.header(), 16, kDescriptorNext, 1}};
       for (uint64_t part = 0; part < 100; ++part)
         entries.push_back({script.data() + 512 * part, 512, kNextWrite,
                            static_cast<uint16_t>(entries.size() + 1)});
       entries.push_back({script.status(), 1, kDescriptorWrite, 0});
       std::memcpy(script.memory().hostAddr(script.table()), entries.data(), entries.size() * 16);
       script.chain("read", {{script.table(), static_cast<uint32_t>(entries.size() * 16),
                              kDescriptorIndirect, 0}});
     }},
};

}  // namespace

const SessionGroup kRequests{"requests", kSessions};

}  // namespace holdfast::sessions
