#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast {

/// Names one message on its way: a slot of the mailbox and how often it was used before. Below
/// 2^40, so a JavaScript number holds it.
using MailboxToken = uint64_t;

/// What the control plane is asked for.
enum class MailboxKind : uint8_t { kCommand, kLogicalUnitReset, kNexusReset };

/// What is said of a message when it is posted.
struct MailboxHeader {
  static constexpr size_t kLunSize = 8;
  static constexpr size_t kCdbSize = 32;

  MailboxKind kind = MailboxKind::kCommand;
  uint8_t target = 0;
  /// As in virtio_scsi_req_cmd.
  std::array<uint8_t, kLunSize> lun{};
  /// Shorter CDBs are followed by zeros.
  std::array<uint8_t, kCdbSize> cdb{};
  /// Of a command: a back end before may have carried it out.
  bool leftOver = false;
};

/// A message as the control plane takes it.
struct MailboxMessage {
  MailboxToken token = 0;
  MailboxHeader header;
  /// At most Mailbox::kParameterDataMax bytes.
  std::vector<std::byte> dataOut;
};

/// What the control plane says to it.
struct MailboxReply {
  /// Nothing stands against the command: the data plane shall run it. The rest is empty then.
  bool natively = false;
  uint8_t status = 0;  // of SCSI
  std::vector<std::byte> sense{};
  std::vector<std::byte> dataIn{};
};

}  // namespace holdfast
