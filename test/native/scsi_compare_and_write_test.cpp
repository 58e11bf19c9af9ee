#include <doctest/doctest.h>

#include <cstring>
#include <thread>

#include "support/scsi_disk.h"

using namespace holdfast;
using frontend::ScsiDriver;
using frontend::ScsiResult;
using test::blockCdb;
using test::checkGood;
using test::checkSense;
using test::compareAndWriteCdb;
using test::kGood;
using test::kLun;
using test::kRead10;
using test::kWrite10;
using test::pattern;
using test::read;
using test::ScsiFixture;
using test::send;

TEST_CASE("scsi: COMPARE AND WRITE writes when it matches, and says where it doesn't") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  const auto before = pattern(1024, 1);
  const auto next = pattern(1024, 2);
  checkGood(send(*driver, blockCdb(kWrite10, 4, 2), before));
  std::vector<std::byte> both = before;
  both.insert(both.end(), next.begin(), next.end());
  checkGood(send(*driver, compareAndWriteCdb(4, 2, 0x08), both));
  CHECK(read(*driver, 4, 2) == next);
  // It holds `next` now, which differs from `before` at every byte; make that the 700th.
  std::memcpy(both.data(), next.data(), 1024);
  both[700] ^= std::byte{1};
  const ScsiResult result = send(*driver, compareAndWriteCdb(4, 2), both);
  checkSense(result, 0x0e1d00, 2048);
  CHECK((result.sense[0] & 0x80) != 0);
  CHECK((result.sense[5] << 8 | result.sense[6]) == 700);
  CHECK(read(*driver, 4, 2) == next);
  checkGood(send(*driver, compareAndWriteCdb(4, 0)));
  checkSense(send(*driver, compareAndWriteCdb(0, 129), {}), 0x052400, 0);
}

TEST_CASE("scsi: COMPARE AND WRITE from all queues at once: each increment counts") {
  ScsiFixture fixture;
  auto driver = fixture.driver();
  constexpr unsigned kEach = 40;
  std::vector<std::thread> threads;
  for (const uint16_t queue : {2, 3}) {
    auto request = driver->makeRequest(kLun, compareAndWriteCdb(0, 1), 1024, false);
    auto reading = driver->makeRequest(kLun, blockCdb(kRead10, 0, 1), 512, true);
    REQUIRE(request.ok());
    REQUIRE(reading.ok());
    threads.emplace_back([&, queue, request = *request, reading = *reading] {
      for (unsigned done = 0; done < kEach;) {
        REQUIRE(driver->submitAndWait(ScsiDriver::chainOf(reading), queue).ok());
        const auto data = driver->dataOf(request);
        std::memcpy(data.data(), driver->dataOf(reading).data(), 512);
        std::memcpy(data.data() + 512, data.data(), 512);
        uint32_t counter;
        std::memcpy(&counter, data.data(), sizeof counter);
        ++counter;
        std::memcpy(data.data() + 512, &counter, sizeof counter);
        REQUIRE(driver->submitAndWait(ScsiDriver::chainOf(request), queue).ok());
        if (driver->resultOf(request, 0).status == kGood) ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  uint32_t counter;
  std::memcpy(&counter, read(*driver, 0, 1).data(), sizeof counter);
  CHECK(counter == 2 * kEach);
}
