#include "core/vhost_user/session_state.h"

#include <algorithm>
#include <utility>

#include "core/base/duplicate_fd.h"

namespace holdfast::vhost_user {

Message makeMessage(Request request, std::span<const std::byte> payload) {
  Message message;
  message.header = {.request = static_cast<uint32_t>(request),
                    .size = static_cast<uint32_t>(payload.size())};
  std::copy(payload.begin(), payload.end(), message.buffer.begin());
  return message;
}

Status tell(std::vector<Message>& told, Request request, std::span<const std::byte> payload,
            const UniqueFd& fd) {
  auto duplicate = duplicateFd(fd);
  if (!duplicate) return duplicate.error();
  Message message = makeMessage(request, payload);
  if (*duplicate) message.fds.push_back(std::move(*duplicate));
  told.push_back(std::move(message));
  return {};
}

}  // namespace holdfast::vhost_user
