#pragma once

#include <doctest/doctest.h>

#include <array>

#include "frontend/blk_driver.h"

namespace holdfast::test {

/// Puts a flush into the ring, and doesn't show it to the device.
inline frontend::BlkDriver::RequestBuffers addFlush(frontend::BlkDriver& driver,
                                                    uint16_t queue = 0) {
  const auto request = driver.makeRequest(VIRTIO_BLK_T_FLUSH, 0, 0, false);
  REQUIRE(request.ok());
  const std::array chain{request->header, request->status};
  REQUIRE(driver.queue(queue).ring().add(chain).has_value());
  return *request;
}

}  // namespace holdfast::test
