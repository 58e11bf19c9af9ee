#include "core/blk/scsi_command.h"

#include <algorithm>
#include <cstring>

#include "core/blk/blk_protocol.h"
#include "core/io/iovec.h"
#include "core/mailbox/mailbox.h"

namespace holdfast::blk {
namespace {

/// Of the writable part, what is not data.
constexpr size_t kReplySize = kScsiSenseSize + sizeof(ScsiTrailer) + 1;

}  // namespace

std::optional<ScsiCommand> ScsiCommand::decode(virtio::DescriptorChain& chain) {
  if (chain.readableCount < 2 || chain.writableBytes < kReplySize) return {};
  iovec* readable = chain.readable();
  ScsiCommand command{.message = {.lun = {1}, .leftOver = chain.leftOver},
                      .dataOut = {}};  // target 0, LUN 0
  const iovec& cdb = readable[1];
  if (readable[0].iov_len != sizeof(RequestHeader) || cdb.iov_len > command.message.cdb.size())
    return {};
  std::memcpy(command.message.cdb.data(), cdb.iov_base, cdb.iov_len);
  command.dataOut = {readable + 2, chain.readableCount - 2,
                     chain.readableBytes - sizeof(RequestHeader) - cdb.iov_len};
  const bool bothWays = command.dataOut.size > 0 && chain.writableBytes > kReplySize;
  return bothWays ? std::nullopt : std::optional(command);
}

void ScsiCommand::reply(virtio::DescriptorChain& chain, const MailboxReply& reply) {
  iovec* iov = chain.writable();
  const uint32_t count = chain.writableCount();
  const uint64_t dataInSize = chain.writableBytes - kReplySize;
  const size_t given = std::min<uint64_t>(dataInSize, reply.dataIn.size());
  const size_t senseSize = std::min(reply.sense.size(), kScsiSenseSize);
  scatterAt(iov, count, 0, reply.dataIn.data(), given);
  scatterAt(iov, count, dataInSize, reply.sense.data(), senseSize);

  // One direction has no data; what was sent counts as taken if the command succeeded.
  uint64_t dataSize = dataInSize;
  uint64_t moved = given;
  for (uint32_t i = 2; i < chain.readableCount; ++i) dataSize += chain.readable()[i].iov_len;
  if (dataInSize == 0 && reply.status == static_cast<uint8_t>(scsi::ScsiStatus::kGood))
    moved = std::min<uint64_t>(dataSize, Mailbox::kParameterDataMax);
  const ScsiTrailer trailer{
      .errors = reply.status,
      .dataLength = static_cast<uint32_t>(std::min<uint64_t>(dataSize, UINT32_MAX)),
      .senseLength = static_cast<uint32_t>(senseSize),
      .residual = static_cast<uint32_t>(std::min<uint64_t>(dataSize - moved, UINT32_MAX))};
  scatterAt(iov, count, dataInSize + kScsiSenseSize, reinterpret_cast<const std::byte*>(&trailer),
            sizeof trailer);
}

void ScsiCommand::reply(virtio::DescriptorChain& chain, const scsi::CommandOutcome& outcome) {
  MailboxReply bare{.status = static_cast<uint8_t>(outcome.status)};
  if (outcome.sense) {
    std::array<uint8_t, scsi::Sense::kEncodedMax> data;
    const size_t size = outcome.sense->encode(false, data);
    const auto bytes = std::as_bytes(std::span(data)).first(size);
    bare.sense.assign(bytes.begin(), bytes.end());
  }
  reply(chain, bare);
}

}  // namespace holdfast::blk
