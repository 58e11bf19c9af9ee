#pragma once

#include <napi.h>

#include <memory>

namespace holdfast::js {

class SocketHub;

/// The constructors of one JavaScript environment.
struct AddonData {
  Napi::FunctionReference diskClass;
  Napi::FunctionReference attachmentClass;
  Napi::FunctionReference scsiAttachmentClass;
  Napi::FunctionReference fenceClass;
  Napi::FunctionReference laneClass;
  Napi::FunctionReference listenerClass;
  Napi::FunctionReference connectionClass;
  /// Null until the first socket.
  std::shared_ptr<SocketHub> sockets{};
};

}  // namespace holdfast::js
