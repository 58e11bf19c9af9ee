#include "napi/mailbox_values.h"

#include <cstddef>

namespace holdfast::js {
namespace {

const char* typeName(MailboxKind kind) {
  switch (kind) {
    case MailboxKind::kCommand:
      return "command";
    case MailboxKind::kLogicalUnitReset:
      return "logical-unit-reset";
    case MailboxKind::kNexusReset:
      break;
  }
  return "nexus-reset";
}

template <typename Bytes>
Napi::Value bufferOf(Napi::Env env, const Bytes& bytes) {
  return Napi::Buffer<uint8_t>::Copy(env, reinterpret_cast<const uint8_t*>(bytes.data()),
                                     bytes.size());
}

Napi::Object toObject(Napi::Env env, const MailboxMessage& message) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("type", typeName(message.header.kind));
  object.Set("token", static_cast<double>(message.token));
  object.Set("target", message.header.target);
  object.Set("lun", bufferOf(env, message.header.lun));
  if (message.header.kind != MailboxKind::kCommand) return object;
  object.Set("cdb", bufferOf(env, message.header.cdb));
  object.Set("dataOut", bufferOf(env, message.dataOut));
  object.Set("leftOver", message.header.leftOver);
  return object;
}

std::vector<std::byte> bytesFrom(const Napi::Value& value) {
  const auto array = value.As<Napi::Uint8Array>();
  const auto* begin = reinterpret_cast<const std::byte*>(array.Data());
  return {begin, begin + array.ByteLength()};
}

}  // namespace

Napi::Value toValue(Napi::Env env, const std::vector<MailboxMessage>& messages) {
  Napi::Array array = Napi::Array::New(env, messages.size());
  for (uint32_t i = 0; i < messages.size(); ++i) array.Set(i, toObject(env, messages[i]));
  return array;
}

MailboxReply replyFrom(const Napi::Value& answer) {
  if (answer.IsString()) return {.natively = true};
  const Napi::Object object = answer.As<Napi::Object>();
  return {.status = static_cast<uint8_t>(object.Get("status").As<Napi::Number>().Uint32Value()),
          .sense = bytesFrom(object.Get("sense")),
          .dataIn = bytesFrom(object.Get("dataIn"))};
}

}  // namespace holdfast::js
