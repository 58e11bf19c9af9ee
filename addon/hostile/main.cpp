#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "hostile/attack.h"
#include "hostile/honest_guest.h"

namespace {

using namespace holdfast;
using namespace holdfast::hostile;

std::vector<Attack> allAttacks() {
  std::vector<Attack> attacks;
  for (const auto& some : {messageAttacks(), memoryAttacks(), ringAttacks()})
    attacks.insert(attacks.end(), some.begin(), some.end());
  return attacks;
}

/// Each attack in turn, in one of its forms, while the honest guests are at work.
Status run(DeviceKind device, const std::string& socketPath, HonestGuest* honest[2],
           uint64_t connections) {
  const std::vector<Attack> attacks = allAttacks();
  for (uint64_t round = 0; round < connections; ++round) {
    const Attack& attack = attacks[round % attacks.size()];
    const uint64_t variant = round / attacks.size();
    const auto named = [&](const Error& error, const char* where) {
      return Error{error.code, std::string(attack.name) + " (" + std::to_string(variant) + ")" +
                                   where + ": " + error.message};
    };
    Guest guest(device, socketPath, variant);
    if (Status done = attack.run(guest); !done) return named(done.error(), "");
    for (unsigned i = 0; i < 2; ++i)
      if (Status served = honest[i]->writeAndVerify(2 * round + i); !served)
        return named(served.error(), ", another guest meanwhile");
  }
  std::printf("{\"connections\": %llu, \"attacks\": %zu, \"verifiedWrites\": %llu}\n",
              static_cast<unsigned long long>(connections), attacks.size(),
              static_cast<unsigned long long>(2 * connections));
  return {};
}

Status attackWhileOthersWork(DeviceKind device, char** argv) {
  auto blk = HonestGuest::open(DeviceKind::kBlk, argv[3]);
  if (!blk) return blk.error();
  auto scsi = HonestGuest::open(DeviceKind::kScsi, argv[4]);
  if (!scsi) return scsi.error();
  HonestGuest* honest[] = {blk->get(), scsi->get()};
  return run(device, argv[2], honest, std::strtoull(argv[5], nullptr, 10));
}

}  // namespace

/// holdfast-hostile blk|scsi SOCKET BLK-SOCKET SCSI-SOCKET CONNECTIONS: front ends and guests that
/// attack the back end at SOCKET, one after another, and two honest ones at the other sockets, for
/// tests. Ends with 1 at the first attack that isn't met as it has to be, or that the honest ones
/// notice.
int main(int argc, char** argv) {
  const std::string_view device = argc == 6 ? argv[1] : "";
  if (device != "scsi" && device != "blk") {
    std::fprintf(stderr,
                 "usage: holdfast-hostile blk|scsi SOCKET BLK-SOCKET SCSI-SOCKET CONNECTIONS\n");
    return 2;
  }
  const DeviceKind kind = device == "scsi" ? DeviceKind::kScsi : DeviceKind::kBlk;
  const Status ended = attackWhileOthersWork(kind, argv);
  if (ended) return 0;
  std::fprintf(stderr, "holdfast-hostile: %s\n", ended.error().message.c_str());
  return 1;
}
