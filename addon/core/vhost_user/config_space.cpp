#include "core/vhost_user/config_space.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace holdfast::vhost_user {
namespace {

/// SET_CONFIG's flags are a number: 0, the driver has written to a field; 1, a migration
/// (vhost-user.rst, "Virtio device config space").
constexpr uint32_t kMigration = 1;

/// The header of a message whose range lies within the config space. GET_CONFIG comes with as many
/// bytes as it asks for, or with none; SET_CONFIG with exactly those it sets.
Result<ConfigHeader> checkedHeader(const Message& message) {
  const ConfigHeader header = message.read<ConfigHeader>();
  if (header.size > kMaxConfigSize || header.offset > kMaxConfigSize - header.size)
    return Error{EINVAL, std::to_string(header.size) + " bytes at offset " +
                             std::to_string(header.offset) + " of a config space of " +
                             std::to_string(kMaxConfigSize)};
  return header;
}

Error wrongSize(const Message& message, const ConfigHeader& header) {
  return {EINVAL, "a payload of " + std::to_string(message.header.size) + " bytes for " +
                      std::to_string(header.size) + " bytes of config space"};
}

}  // namespace

Result<std::span<const std::byte>> ConfigSpace::read(const Message& message) {
  const auto header = checkedHeader(message);
  if (!header) return header.error();
  const size_t carried = message.header.size - sizeof(ConfigHeader);
  if (carried != 0 && carried != header->size) return wrongSize(message, *header);

  const Bytes config = current();
  const auto wanted = std::span(config).subspan(header->offset, header->size);
  learn(header->offset, wanted);
  std::memcpy(reply_.data(), &*header, sizeof(ConfigHeader));
  std::copy(wanted.begin(), wanted.end(), reply_.begin() + sizeof(ConfigHeader));
  return std::span<const std::byte>(reply_).first(sizeof(ConfigHeader) + header->size);
}

Status ConfigSpace::write(const Message& message) {
  const auto header = checkedHeader(message);
  if (!header) return header.error();
  const auto data = message.payload().subspan(sizeof(ConfigHeader));
  if (data.size() != header->size) return wrongSize(message, *header);
  if (header->flags > kMigration)
    return Error{EINVAL, "flags " + std::to_string(header->flags) + ", which mean nothing"};
  Status written = device_.writeConfig(header->offset, data);
  if (!written) return written;
  learn(header->offset, data);
  written_.assign(message.payload().begin(), message.payload().end());
  return {};
}

bool ConfigSpace::frontendIsOutdated() {
  if (isKnown_.none()) return true;
  const Bytes config = current();
  for (size_t i = 0; i < config.size(); ++i)
    if (isKnown_[i] && config[i] != known_[i]) return true;
  return false;
}

ConfigSpace::Bytes ConfigSpace::current() {
  Bytes config{};
  device_.readConfig(config);
  return config;
}

void ConfigSpace::learn(size_t offset, std::span<const std::byte> bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    known_[offset + i] = bytes[i];
    isKnown_.set(offset + i);
  }
}

}  // namespace holdfast::vhost_user
