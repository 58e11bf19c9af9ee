#pragma once

#include <napi.h>

#include <vector>

#include "core/mailbox/mailbox_message.h"

namespace holdfast::js {

/// NativeMessage[] of src/native/addon.ts.
Napi::Value toValue(Napi::Env env, const std::vector<MailboxMessage>& messages);

/// From a NativeAnswer.
MailboxReply replyFrom(const Napi::Value& answer);

}  // namespace holdfast::js
