#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/vhost_user/message.h"

namespace holdfast::vhost_user {

/// What another process needs to go on with a connection between two of its messages: the
/// connection, and what the front end has said on it, as the messages by which it would say so to a
/// back end that starts anew. So whoever takes it over checks it as it checks a front end, and what
/// it may hold is vhost-user's, not ours.
struct SessionState {
  UniqueFd connection;
  std::vector<Message> told;
};

/// A message that asks for no acknowledgement. `payload` has at most kMaxPayload bytes.
Message makeMessage(Request request, std::span<const std::byte> payload);

/// Puts the message behind those in `told`, with a duplicate of `fd`, if that is valid. Error: no
/// descriptor is left.
Status tell(std::vector<Message>& told, Request request, std::span<const std::byte> payload,
            const UniqueFd& fd = {});

}  // namespace holdfast::vhost_user
