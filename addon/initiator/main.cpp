#include <unistd.h>

#include <cstdio>

#include "initiator/session.h"

/// holdfast-initiator SOCKET: a SCSI initiator behind vhost-user-scsi, for tests. Reads lines
/// (initiator/command_line.h) from stdin; prints `ready`, then `ID RESPONSE STATUS RESIDUAL SENSE
/// DATA-IN` as commands end, and `ID tmf RESPONSE`.
int main(int argc, char** argv) {
  using namespace holdfast;
  if (argc != 2) {
    std::fprintf(stderr, "usage: holdfast-initiator SOCKET\n");
    return 2;
  }
  auto session = initiator::Session::open(argv[1]);
  Status ended = session ? Status() : Status(session.error());
  if (session) {
    std::puts("ready");
    std::fflush(stdout);
    ended = (*session)->run(STDIN_FILENO);
  }
  if (ended) return 0;
  std::fprintf(stderr, "holdfast-initiator: %s\n", ended.error().message.c_str());
  return 1;
}
