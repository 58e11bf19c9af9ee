#include "hostile_run.h"

namespace holdfast::test {
namespace {

using Bytes = std::vector<std::byte>;

TEST_CASE("hostile session: fds given again and again are closed again") {
  FakeDevice device;
  HostileRun run(device);
  const EventFd event;
  const auto& region = run.memory().regions().front();
  const int fd = event.get();
  const auto round = [&] {
    REQUIRE(run.front().setVringKick(0, fd).ok());
    REQUIRE(run.front().setVringCall(0, fd).ok());
    REQUIRE(run.front().setVringErr(0, fd).ok());
    REQUIRE(run.front().openBackendChannel().ok());
    REQUIRE(run.front().setMemTable(run.memory().descriptions(), run.memory().files()).ok());
    REQUIRE_FALSE(run.front().addMemReg(region.description, region.file.get()).ok());
    REQUIRE(run.front().setLogBase({4096, 0}, run.memory().files().front()).ok());
    REQUIRE(run.ask(Request::kSetLogFd, {}, std::span(&fd, 1)).ok());
    REQUIRE_FALSE(run.ask(Request::kSetInflightFd, Bytes(24), std::span(&fd, 1)).ok());
    run.settle();
  };
  round();
  const size_t before = openFds();
  for (int i = 0; i < 200; ++i) round();
  CHECK(openFds() == before);
}

TEST_CASE("hostile session: a thousand front ends that connect and drop leave nothing behind") {
  FakeDevice device;
  const size_t before = openFds();
  for (int i = 0; i < 1000; ++i) {
    SessionRun run(device);
    REQUIRE(run.front().setVringCall(0, run.stopFd()).ok());
    if (i % 2 == 0) REQUIRE(run.socket().sendRaw(Bytes(5)).ok());
    run.socket().close();
    (void)run.end();
  }
  CHECK(openFds() == before);
}

}  // namespace
}  // namespace holdfast::test
