#pragma once

#include <optional>

#include "core/mailbox/mailbox_message.h"
#include "core/scsi/command_outcome.h"
#include "core/virtio/descriptor_chain.h"
#include "core/virtio/guest_buffer.h"

namespace holdfast::blk {

/// A SCSI command as a legacy block request carries it: header, CDB, data out | data in, sense,
/// trailer, status. Only the boundaries of descriptors tell how long the CDB is: it has one of its
/// own (virtio 0.9.5, Appendix D).
struct ScsiCommand {
  MailboxHeader message;
  virtio::GuestBuffer dataOut;

  /// Null: not of that form.
  static std::optional<ScsiCommand> decode(virtio::DescriptorChain& chain);

  /// Writes data in, sense and trailer. `chain` has been decoded.
  static void reply(virtio::DescriptorChain& chain, const MailboxReply& reply);
  static void reply(virtio::DescriptorChain& chain, const scsi::CommandOutcome& outcome);
};

}  // namespace holdfast::blk
