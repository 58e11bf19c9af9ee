#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "initiator/blk_session.h"
#include "initiator/session.h"

namespace {

using namespace holdfast;

void tellReady() {
  std::puts("ready");
  std::fflush(stdout);
}

Status runScsi(const char* socketPath) {
  auto session = initiator::Session::open(socketPath);
  if (!session) return session.error();
  tellReady();
  return (*session)->run(STDIN_FILENO);
}

Status runBlk(const char* socketPath) {
  auto session = initiator::BlkSession::open(socketPath);
  if (!session) return session.error();
  tellReady();
  return (*session)->run();
}

}  // namespace

/// holdfast-initiator scsi|blk SOCKET: a SCSI initiator behind vhost-user-scsi, or behind
/// vhost-user-blk with SCSI commands, for tests. Reads lines (initiator/command_line.h) from stdin;
/// prints `ready`, then `ID RESPONSE STATUS RESIDUAL SENSE DATA-IN` as commands end, and
/// `ID tmf RESPONSE` and `ID migration`.
int main(int argc, char** argv) {
  const std::string_view device = argc == 3 ? argv[1] : "";
  if (device != "scsi" && device != "blk") {
    std::fprintf(stderr, "usage: holdfast-initiator scsi|blk SOCKET\n");
    return 2;
  }
  const Status ended = device == "scsi" ? runScsi(argv[2]) : runBlk(argv[2]);
  if (ended) return 0;
  std::fprintf(stderr, "holdfast-initiator: %s\n", ended.error().message.c_str());
  return 1;
}
