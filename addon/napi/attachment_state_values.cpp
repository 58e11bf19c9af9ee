#include "napi/attachment_state_values.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

namespace holdfast::js {
namespace {

using vhost_user::Message;

Napi::Object toObject(Napi::Env env, Message message) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("request", message.header.request);
  const auto payload = message.payload();
  object.Set("payload", Napi::Buffer<uint8_t>::Copy(
                            env, reinterpret_cast<const uint8_t*>(payload.data()), payload.size()));
  Napi::Array fds = Napi::Array::New(env, message.fds.size());
  for (uint32_t i = 0; i < message.fds.size(); ++i) fds.Set(i, message.fds[i].release());
  object.Set("fds", fds);
  return object;
}

UniqueFd takeFd(const Napi::Value& value) {
  return UniqueFd(value.IsNumber() ? value.As<Napi::Number>().Int32Value() : -1);
}

Message messageFrom(const Napi::Object& object, bool& fits) {
  const auto payload = object.Get("payload").As<Napi::Uint8Array>();
  const auto* bytes = reinterpret_cast<const std::byte*>(payload.Data());
  const size_t size = std::min(payload.ByteLength(), vhost_user::kMaxPayload);
  fits = fits && size == payload.ByteLength();
  const auto request =
      static_cast<vhost_user::Request>(object.Get("request").As<Napi::Number>().Uint32Value());
  Message message = vhost_user::makeMessage(request, {bytes, size});
  const auto fds = object.Get("fds").As<Napi::Array>();
  for (uint32_t i = 0; i < fds.Length(); ++i) message.fds.push_back(takeFd(fds.Get(i)));
  return message;
}

}  // namespace

Napi::Value toValue(Napi::Env env, AttachmentState state) {
  Napi::Object object = Napi::Object::New(env);
  if (state.listener) object.Set("listener", state.listener.release());
  if (!state.session) return object;
  Napi::Object session = Napi::Object::New(env);
  session.Set("connection", state.session->connection.release());
  Napi::Array told = Napi::Array::New(env, state.session->told.size());
  for (uint32_t i = 0; i < told.Length(); ++i)
    told.Set(i, toObject(env, std::move(state.session->told[i])));
  session.Set("told", told);
  object.Set("session", session);
  return object;
}

Result<AttachmentState> attachmentStateFrom(const Napi::Value& value) {
  const Napi::Object object = value.As<Napi::Object>();
  AttachmentState state;
  state.listener = takeFd(object.Get("listener"));
  if (!object.Get("session").IsObject()) return state;
  const Napi::Object given = object.Get("session").As<Napi::Object>();
  auto& session = state.session.emplace();
  session.connection = takeFd(given.Get("connection"));
  const auto told = given.Get("told").As<Napi::Array>();
  bool fits = true;
  for (uint32_t i = 0; i < told.Length(); ++i)
    session.told.push_back(messageFrom(told.Get(i).As<Napi::Object>(), fits));
  if (!fits) return Error{EINVAL, "a message is longer than any of vhost-user's"};
  return state;
}

}  // namespace holdfast::js
