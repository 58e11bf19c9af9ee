#include "initiator/blk_session.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::initiator {

using frontend::BlkDriver;
using frontend::Buffer;

namespace {

constexpr uint32_t kScsiCommand = 2;  // VIRTIO_BLK_T_SCSI_CMD
constexpr unsigned kFeatureScsi = 7;

/// virtio_scsi_inhdr of virtio 0.9.5, Appendix D.
struct Trailer {
  uint32_t errors, dataLength, senseLength, residual;
};

}  // namespace

Result<std::unique_ptr<BlkSession>> BlkSession::open(const std::string& socketPath) {
  auto driver = BlkDriver::openAndStart(socketPath);
  if (!driver) return driver.error();
  if (!(*driver)->hasFeature(kFeatureScsi)) return Error{ENOTSUP, "no VIRTIO_BLK_F_SCSI"};
  std::unique_ptr<BlkSession> session(new BlkSession(std::move(*driver)));
  if (Status prepared = session->prepareBuffers(); !prepared) return prepared.error();
  return session;
}

Status BlkSession::prepareBuffers() {
  auto block = driver_->makeRequest(kScsiCommand, 0, 0, false);
  if (!block) return block.error();
  buffers_.block = *block;
  const std::pair<Buffer*, Buffer> wanted[] = {{&buffers_.cdb, {0, 32, false}},
                                               {&buffers_.dataOut, {0, kDataSize, false}},
                                               {&buffers_.dataIn, {0, kDataSize, true}},
                                               {&buffers_.sense, {0, kSenseSize, true}},
                                               {&buffers_.trailer, {0, sizeof(Trailer), true}}};
  for (const auto& [buffer, shape] : wanted) {
    const auto address = driver_->memory().allocate(shape.size, 64);
    if (!address) return address.error();
    *buffer = {*address, shape.size, shape.writable};
  }
  return {};
}

Status BlkSession::run() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto parsed = parseLine(line);
    if (!parsed) return parsed.error();
    const auto* command = std::get_if<CommandLine>(&*parsed);
    if (!command) return Error{ENOTSUP, "only commands go through virtio-blk"};
    if (Status done = execute(*command); !done) return done;
  }
  return {};
}

/// Prints `ID BLOCK-STATUS SCSI-STATUS RESIDUAL SENSE DATA`.
Status BlkSession::execute(const CommandLine& command) {
  const auto outSize = static_cast<uint32_t>(command.dataOut.size());
  if (std::max(outSize, command.dataInLength) > kDataSize || command.cdb.size() > 32)
    return Error{EMSGSIZE, "the command is too long"};
  std::copy_n(reinterpret_cast<const std::byte*>(command.cdb.data()), command.cdb.size(),
              at(buffers_.cdb));
  std::copy_n(reinterpret_cast<const std::byte*>(command.dataOut.data()), outSize,
              at(buffers_.dataOut));
  *at(buffers_.block.status) = std::byte{BlkDriver::kNoStatus};

  std::vector<Buffer> chain{buffers_.block.header,
                            {buffers_.cdb.guestAddr, uint32_t(command.cdb.size()), false}};
  if (outSize > 0) chain.push_back({buffers_.dataOut.guestAddr, outSize, false});
  if (command.dataInLength > 0)
    chain.push_back({buffers_.dataIn.guestAddr, command.dataInLength, true});
  chain.insert(chain.end(), {buffers_.sense, buffers_.trailer, buffers_.block.status});
  if (const auto used = driver_->submitAndWait(chain); !used) return used.error();

  Trailer trailer;
  std::memcpy(&trailer, at(buffers_.trailer), sizeof trailer);
  const uint32_t moved = command.dataInLength - std::min(trailer.residual, command.dataInLength);
  const std::span sense(at(buffers_.sense), std::min(trailer.senseLength, kSenseSize));
  std::printf("%s %u %u %u %s %s\n", command.id.c_str(), driver_->statusOf(buffers_.block),
              trailer.errors & 0xff, trailer.residual, hexOf(sense).c_str(),
              hexOf(std::span(at(buffers_.dataIn), moved)).c_str());
  std::fflush(stdout);
  return {};
}

std::byte* BlkSession::at(const Buffer& buffer) const {
  return driver_->memory().hostAddr(buffer.guestAddr, buffer.size);
}

}  // namespace holdfast::initiator
