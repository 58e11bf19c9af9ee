#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>

#include "frontend/scsi_driver.h"
#include "support/held_disk.h"
#include "support/scsi_cdbs.h"

namespace holdfast::test {

/// A COMPARE AND WRITE that the disk holds up, as it would any command on a dead path. Its queue
/// has begun it and it is behind the fence when the constructor returns.
class StuckWrite {
 public:
  StuckWrite(Disk& disk, frontend::ScsiDriver& driver, const frontend::ScsiLun& lun,
             uint64_t tag = 0)
      : held_(disk) {
    auto made = driver.makeRequest(lun, compareAndWriteCdb(0, 1), 1024, false, tag);
    REQUIRE(made.ok());
    request_ = *made;
    const auto data = driver.dataOf(request_);
    std::fill(data.begin() + 512, data.end(), std::byte{0x77});
    REQUIRE(driver.submit(request_).ok());
    // A queue begins its commands in order, so this one's answer says that the first has begun.
    // Counters can't: they count a request before it has come to the fence.
    const auto later = driver.execute(lun, blockCdb(0x28, 0, 0));
    REQUIRE_MESSAGE(later.ok(), (later.ok() ? "" : later.error().message));
  }

  /// It goes on when this returns.
  void release() { held_.release(); }
  const frontend::ScsiDriver::Request& request() const { return request_; }

 private:
  HeldDisk held_;
  frontend::ScsiDriver::Request request_;
};

}  // namespace holdfast::test
