#include "core/vhost_user/message.h"

#include <algorithm>
#include <cerrno>

namespace holdfast::vhost_user {
namespace {

constexpr uint32_t kU64 = sizeof(uint64_t);
constexpr uint32_t kVringState = sizeof(VringState);
constexpr uint32_t kConfigHeader = sizeof(ConfigHeader);
constexpr uint32_t kWholeConfig = kConfigHeader + kMaxConfigSize;

constexpr RequestForm kForms[] = {
    {Request::kGetFeatures, 0, 0, 0, 0, true},
    {Request::kSetFeatures, kU64, kU64, 0, 0, false},
    {Request::kSetOwner, 0, 0, 0, 0, false},
    {Request::kResetOwner, 0, 0, 0, 0, false},
    // User-mode Linux always sends room for two regions, whatever their number.
    {Request::kSetMemTable, sizeof(MemoryTableHeader), kMaxPayload, kMaxMessageFds, 0, false},
    {Request::kSetLogBase, sizeof(LogDescription), sizeof(LogDescription), 1, kLogShmfd, true},
    {Request::kSetLogFd, 0, kU64, 1, 0, false},
    {Request::kSetVringNum, kVringState, kVringState, 0, 0, false},
    {Request::kSetVringAddr, sizeof(VringAddresses), sizeof(VringAddresses), 0, 0, false},
    {Request::kSetVringBase, kVringState, kVringState, 0, 0, false},
    {Request::kGetVringBase, kVringState, kVringState, 0, 0, true},
    {Request::kSetVringKick, kU64, kU64, 1, 0, false},
    {Request::kSetVringCall, kU64, kU64, 1, 0, false},
    {Request::kSetVringErr, kU64, kU64, 1, 0, false},
    {Request::kGetProtocolFeatures, 0, 0, 0, 0, true},
    {Request::kSetProtocolFeatures, kU64, kU64, 0, 0, false},
    {Request::kGetQueueNum, 0, 0, 0, kMultiqueue, true},
    {Request::kSetVringEnable, kVringState, kVringState, 0, 0, false},
    {Request::kSetBackendReqFd, 0, 0, 1, kBackendReq, false},
    {Request::kGetConfig, kConfigHeader, kWholeConfig, 0, kConfig, true},
    {Request::kSetConfig, kConfigHeader, kWholeConfig, 0, kConfig, false},
    {Request::kGetInflightFd, InflightDescription::kBytes, sizeof(InflightDescription), 0,
     kInflightShmfd, true},
    {Request::kSetInflightFd, InflightDescription::kBytes, sizeof(InflightDescription), 1,
     kInflightShmfd, false},
    {Request::kResetDevice, 0, 0, 0, kResetDeviceFeature, false},
    {Request::kGetMaxMemSlots, 0, 0, 0, kConfigureMemSlots, true},
    {Request::kAddMemReg, sizeof(SingleRegion), sizeof(SingleRegion), 1, kConfigureMemSlots, false},
    // Some front ends send the region's fd along (vhost-user.rst, REM_MEM_REG).
    {Request::kRemMemReg, sizeof(SingleRegion), sizeof(SingleRegion), 1, kConfigureMemSlots, false},
};

/// By number; null: none has it.
constexpr const char* kNames[] = {
    nullptr,
    "GET_FEATURES",
    "SET_FEATURES",
    "SET_OWNER",
    "RESET_OWNER",
    "SET_MEM_TABLE",
    "SET_LOG_BASE",
    "SET_LOG_FD",
    "SET_VRING_NUM",
    "SET_VRING_ADDR",
    "SET_VRING_BASE",
    "GET_VRING_BASE",
    "SET_VRING_KICK",
    "SET_VRING_CALL",
    "SET_VRING_ERR",
    "GET_PROTOCOL_FEATURES",
    "SET_PROTOCOL_FEATURES",
    "GET_QUEUE_NUM",
    "SET_VRING_ENABLE",
    "SEND_RARP",
    "NET_SET_MTU",
    "SET_BACKEND_REQ_FD",
    "IOTLB_MSG",
    "SET_VRING_ENDIAN",
    "GET_CONFIG",
    "SET_CONFIG",
    "CREATE_CRYPTO_SESSION",
    "CLOSE_CRYPTO_SESSION",
    "POSTCOPY_ADVISE",
    "POSTCOPY_LISTEN",
    "POSTCOPY_END",
    "GET_INFLIGHT_FD",
    "SET_INFLIGHT_FD",
    "GPU_SET_SOCKET",
    "RESET_DEVICE",
    "VRING_KICK",
    "GET_MAX_MEM_SLOTS",
    "ADD_MEM_REG",
    "REM_MEM_REG",
    "SET_STATUS",
    "GET_STATUS",
    "GET_SHARED_OBJECT",
    "SET_DEVICE_STATE_FD",
    "CHECK_DEVICE_STATE",
};

}  // namespace

std::string requestName(uint32_t request) {
  if (request < std::size(kNames) && kNames[request]) return kNames[request];
  return "message " + std::to_string(request);
}

const RequestForm* formOf(uint32_t request) {
  const auto* form = std::find_if(std::begin(kForms), std::end(kForms), [&](const RequestForm& f) {
    return static_cast<uint32_t>(f.request) == request;
  });
  return form == std::end(kForms) ? nullptr : form;
}

Status checkForm(const RequestForm& form, const Message& message) {
  const uint32_t size = message.header.size;
  if (size < form.minPayload || size > form.maxPayload)
    return Error{EINVAL, "a payload of " + std::to_string(size) + " bytes"};
  if (message.fds.size() > form.maxFds)
    return Error{EINVAL, std::to_string(message.fds.size()) + " file descriptors, at most " +
                             std::to_string(form.maxFds) + " belong to it"};
  return {};
}

}  // namespace holdfast::vhost_user
