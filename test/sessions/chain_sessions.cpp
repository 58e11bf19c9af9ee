/// Chains that no driver should make: what a hostile guest can do to its back end.
#include <linux/virtio_blk.h>

#include <algorithm>
#include <cstring>

#include "sessions.h"

namespace holdfast::sessions {

using frontend::Descriptor;
using frontend::kDescriptorIndirect;
using frontend::kDescriptorNext;
using frontend::kDescriptorWrite;

namespace {

constexpr uint16_t kNextWrite = kDescriptorNext | kDescriptorWrite;
/// Where no memory is.
constexpr uint64_t kNowhere = Script::kGuestBase + 2 * Script::kMemorySize;
constexpr uint64_t kEnd = Script::kGuestBase + Script::kMemorySize;

/// A running ring, the header of a read of sector 9, a chain of the descriptors that `flawed`
/// makes, and then a good read.
template <typename Flawed>
void play(Script& script, Flawed flawed, uint32_t type = VIRTIO_BLK_T_IN) {
  script.start();
  if (script.ended()) return;
  script.writeHeader(type, 9);
  script.chain("chain", flawed(script));
  script.read();
}

using Chain = std::vector<Descriptor>;

Descriptor header(Script& script, uint16_t next = 1) {
  return {script.header(), 16, kDescriptorNext, next};
}

Descriptor status(Script& script) {
  return {script.status(), 1, kDescriptorWrite, 0};
}

/// The same with the descriptors in an indirect table, whose length may be wrong.
void playIndirect(Script& script, const Chain& entries, uint32_t bytes, uint16_t flags = 0,
                  uint64_t features = Script::kFeatures) {
  script.start(features);
  if (script.ended()) return;
  script.writeHeader(VIRTIO_BLK_T_IN, 9);
  std::memcpy(script.memory().hostAddr(script.table()), entries.data(),
              entries.size() * sizeof(Descriptor));
  script.chain("chain",
               {{script.table(), bytes, uint16_t(kDescriptorIndirect | flags), 1}, status(script)});
  script.read();
}

Chain goodTable(Script& script) {
  return {header(script), {script.data(), 512, kNextWrite, 2}, status(script)};
}

constexpr Session kSessions[] = {
    {"a loop to itself",
     [](Script& script) { play(script, [](Script& s) { return Chain{header(s, 0)}; }); }},
    {"a loop over two",
     [](Script& script) {
       play(script,
            [](Script& s) { return Chain{header(s), {s.header(), 16, kDescriptorNext, 0}}; });
     }},
    {"a loop of writable descriptors",
     [](Script& script) {
       play(script, [](Script& s) { return Chain{header(s), {s.data(), 512, kNextWrite, 1}}; });
     }},
    {"next behind the table",
     [](Script& script) {
       play(script, [](Script& s) { return Chain{header(s, Script::kRingSize)}; });
     }},
    {"next 65535",
     [](Script& script) { play(script, [](Script& s) { return Chain{header(s, 65535)}; }); }},
    {"a head behind the table",
     [](Script& script) {
       script.start();
       script.submit("chain", Script::kRingSize);
       script.read();
     }},
    {"head 65535",
     [](Script& script) {
       script.start();
       script.submit("chain", 65535);
       script.read();
     }},
    {"a head and no more",
     [](Script& script) { play(script, [](Script& s) { return Chain{{s.header(), 16, 0, 0}}; }); }},
    {"nothing writable",
     [](Script& script) {
       play(script, [](Script& s) { return Chain{header(s), {s.data(), 512, 0, 0}}; });
     }},
    {"nothing readable",
     [](Script& script) { play(script, [](Script& s) { return Chain{status(s)}; }); }},
    {"readable behind writable",
     [](Script& script) {
       play(script, [](Script& s) {
         return Chain{header(s), {s.status(), 1, kNextWrite, 2}, {s.data(), 512, 0, 0}};
       });
     }},
    {"a descriptor of no bytes",
     [](Script& script) {
       play(script,
            [](Script& s) { return Chain{header(s), {s.data(), 0, kNextWrite, 2}, status(s)}; });
     }},
    {"a header of 15 bytes",
     [](Script& script) {
       play(script,
            [](Script& s) { return Chain{{s.header(), 15, kDescriptorNext, 1}, status(s)}; });
     }},
    {"a header in no memory",
     [](Script& script) {
       play(script, [](Script& s) {
         return Chain{
             {kNowhere, 16, kDescriptorNext, 1}, {s.data(), 512, kNextWrite, 2}, status(s)};
       });
     }},
    {"data in no memory",
     [](Script& script) {
       play(script,
            [](Script& s) { return Chain{header(s), {kNowhere, 512, kNextWrite, 2}, status(s)}; });
     }},
    {"the status in no memory",
     [](Script& script) {
       play(script, [](Script& s) {
         return Chain{
             header(s), {s.data(), 512, kNextWrite, 2}, {kNowhere, 1, kDescriptorWrite, 0}};
       });
     }},
    {"data that reaches out of memory",
     [](Script& script) {
       play(script, [](Script& s) {
         return Chain{header(s), {kEnd - 512, 1024, kNextWrite, 2}, status(s)};
       });
     }},
    {"data whose address and size wrap",
     [](Script& script) {
       play(script, [](Script& s) {
         return Chain{header(s), {~uint64_t{0} - 511, 1024, kNextWrite, 2}, status(s)};
       });
     }},
    {"data of 4 GiB",
     [](Script& script) {
       play(script, [](Script& s) {
         return Chain{header(s), {s.data(), ~uint32_t{0}, kNextWrite, 2}, status(s)};
       });
     }},
    {"a status that is read only",
     [](Script& script) {
       play(script, [](Script& s) {
         return Chain{header(s), {s.data(), 512, kNextWrite, 2}, {s.status(), 1, 0, 0}};
       });
     }},
    {"GET_ID of a descriptor in no memory",
     [](Script& script) {
       play(
           script,
           [](Script& s) { return Chain{header(s), {kNowhere, 20, kNextWrite, 2}, status(s)}; },
           VIRTIO_BLK_T_GET_ID);
     }},
    {"an indirect table of no bytes",
     [](Script& script) { playIndirect(script, goodTable(script), 0); }},
    {"an indirect table of 47 bytes",
     [](Script& script) { playIndirect(script, goodTable(script), 47); }},
    {"an indirect table that ends within the chain",
     [](Script& script) { playIndirect(script, goodTable(script), 32); }},
    {"an indirect table of 4 GiB",
     [](Script& script) { playIndirect(script, goodTable(script), 0xffff'fff0); }},
    {"an indirect table in an indirect table",
     [](Script& script) {
       playIndirect(script, {{script.table(), 16, kDescriptorIndirect, 0}}, 16);
     }},
    {"an indirect table that loops",
     [](Script& script) {
       playIndirect(script, {header(script), {script.data(), 512, kNextWrite, 1}, status(script)},
                    48);
     }},
    {"an indirect table that has a next",
     [](Script& script) { playIndirect(script, goodTable(script), 48, kDescriptorNext); }},
    {"an indirect table that was not negotiated",
     [](Script& script) {
       playIndirect(script, goodTable(script), 48, 0,
                    Script::kFeatures & ~(1ULL << frontend::kFeatureIndirect));
     }},
    {"an indirect table in no memory",
     [](Script& script) {
       script.start();
       script.chain("chain", {{kNowhere, 48, kDescriptorIndirect, 0}});
       script.read();
     }},
    {"an indirect table that reaches out of memory",
     [](Script& script) {
       script.start();
       script.chain("chain", {{kEnd - 16, 48, kDescriptorIndirect, 0}});
       script.read();
     }},
    {"2000 descriptors of one byte",
     [](Script& script) {
       script.start();
       script.writeHeader(VIRTIO_BLK_T_IN, 9);
       Chain entries{header(script)};
       for (uint16_t part = 0; part < 2000; ++part)
         entries.push_back(
             {script.data(), 1, kNextWrite, static_cast<uint16_t>(entries.size() + 1)});
       entries.push_back(status(script));
       const uint64_t table = script.data() + 4096;
       std::memcpy(script.memory().hostAddr(table), entries.data(), entries.size() * 16);
       script.chain("chain",
                    {{table, static_cast<uint32_t>(entries.size() * 16), kDescriptorIndirect, 0}});
       script.read();
     }},
    {"the available index leaps over the ring",
     [](Script& script) {
       script.start();
       for (unsigned count = 0; count <= Script::kRingSize; ++count) script.ring().addHead(0);
       script.submit("leap", 0);
       script.read();
     }},
    {"the used index is moved by the guest",
     [](Script& script) {
       script.start();
       script.read();
       script.ring().usedIndex() = 40;
       while (script.ring().pop()) {
       }
       script.read(5);
     }},
    {"one head twice at once",
     [](Script& script) {
       script.start();
       script.writeHeader(VIRTIO_BLK_T_IN, 9);
       const Chain parts = goodTable(script);
       std::copy(parts.begin(), parts.end(), &script.ring().descriptor(0));
       script.ring().addHead(0);
       script.submit("first", 0);
       script.awaitUsed("second");
       script.read();
     }},
};

}  // namespace

const SessionGroup kFlawedChains{"flawed chains", kSessions};

}  // namespace holdfast::sessions
