#include <cstdio>
#include <cstring>

#include "sessions.h"

namespace holdfast::sessions {
namespace {

const SessionGroup* const kGroups[] = {
    &kFrontEnds,      &kRings,       &kRequests, &kFlawedChains,
    &kFlawedMessages, &kFlawedRings, &kMemory,   &kSharedFiles,
};

int list() {
  for (const SessionGroup* group : kGroups)
    for (const Session& session : group->sessions)
      std::printf("%s\t%s\n", group->name, session.name);
  return 0;
}

const Session* find(const char* name) {
  for (const SessionGroup* group : kGroups)
    for (const Session& session : group->sessions)
      if (std::strcmp(session.name, name) == 0) return &session;
  return nullptr;
}

int run(const char* name, const char* socketPath) {
  const Session* session = find(name);
  if (!session) {
    std::fprintf(stderr, "holdfast-sessions: there is no session \"%s\"\n", name);
    return 2;
  }
  auto socket = MessageSocket::connect(socketPath);
  if (!socket) {
    std::fprintf(stderr, "holdfast-sessions: %s\n", socket.error().message.c_str());
    return 1;
  }
  Script script(std::move(*socket));
  session->run(script);
  script.close();
  for (const std::string& line : script.transcript()) std::puts(line.c_str());
  return 0;
}

}  // namespace
}  // namespace holdfast::sessions

/// holdfast-sessions list: prints each session's group and name, with a tab between them.
/// holdfast-sessions run NAME SOCKET: plays the front end of that session to the vhost-user-blk
/// back end that listens at SOCKET, and prints the transcript. The image's nth sector is full of
/// bytes n.
int main(int argc, char** argv) {
  using namespace holdfast::sessions;
  if (argc == 2 && std::strcmp(argv[1], "list") == 0) return list();
  if (argc == 4 && std::strcmp(argv[1], "run") == 0) return run(argv[2], argv[3]);
  std::fprintf(stderr, "usage: holdfast-sessions list | run NAME SOCKET\n");
  return 2;
}
