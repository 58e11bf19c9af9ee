#include "core/scsi/scsi_request.h"

#include <algorithm>
#include <cstring>

#include "core/io/iovec.h"

namespace holdfast::scsi {

bool ScsiRequest::frame() {
  responseSegments_ = 0;
  dataOut = dataIn = {};
  if (chain.malformed || chain.readableBytes < sizeof(RequestHeader) ||
      chain.writableBytes < sizeof(ResponseHeader))
    return false;

  gather(chain.readable(), chain.readableCount, reinterpret_cast<std::byte*>(&header),
         sizeof header);
  dataOut = {chain.readable(), chain.readableCount, chain.readableBytes - sizeof(RequestHeader)};
  advance(dataOut.iov, dataOut.count, sizeof(RequestHeader));

  for (size_t left = sizeof(ResponseHeader); left > 0; left -= responseEnd_.iov_len) {
    responseEnd_ = chain.writable()[responseSegments_++];
    responseEnd_.iov_len = std::min(responseEnd_.iov_len, left);
  }
  dataIn = {chain.writable(), chain.writableCount(), chain.writableBytes - sizeof(ResponseHeader)};
  advance(dataIn.iov, dataIn.count, sizeof(ResponseHeader));
  return true;
}

uint32_t ScsiRequest::respond(const CommandOutcome& outcome, std::span<const uint8_t> senseData) {
  ResponseHeader response{};
  response.senseLength = static_cast<uint32_t>(senseData.size());
  response.residual =
      static_cast<uint32_t>(std::min<uint64_t>(dataSize() - outcome.transferred, UINT32_MAX));
  response.status = static_cast<uint8_t>(outcome.status);
  response.response = static_cast<uint8_t>(outcome.response);
  std::copy(senseData.begin(), senseData.end(), response.sense.begin());

  uint32_t segments = chain.writableCount();
  if (responseSegments_ > 0) {
    segments = responseSegments_;
    chain.writable()[segments - 1] = responseEnd_;
  }
  return static_cast<uint32_t>(scatter(
      chain.writable(), segments, reinterpret_cast<const std::byte*>(&response), sizeof response));
}

}  // namespace holdfast::scsi
