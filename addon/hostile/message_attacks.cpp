#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "hostile/attack.h"
#include "hostile/shared_file.h"

namespace holdfast::hostile {
namespace {

using namespace frontend;
using Bytes = std::vector<std::byte>;

template <typename T>
void append(Bytes& bytes, const T& value) {
  const auto added = bytesOf(value);
  bytes.insert(bytes.end(), added.begin(), added.end());
}

template <typename T>
void appendMessage(Bytes& bytes, Request request, const T& payload) {
  append(bytes, MessageHeader{static_cast<uint32_t>(request), kVersion, sizeof payload});
  append(bytes, payload);
}

/// What a front end says first, without waiting for replies.
Bytes handshake() {
  Bytes bytes;
  for (const Request request : {Request::kGetFeatures, Request::kGetProtocolFeatures})
    append(bytes, MessageHeader{.request = static_cast<uint32_t>(request)});
  appendMessage(bytes, Request::kSetProtocolFeatures, protocol_feature::kMultiqueue);
  append(bytes, MessageHeader{.request = static_cast<uint32_t>(Request::kSetOwner)});
  appendMessage(bytes, Request::kSetVringCall, kNoFd);
  appendMessage(bytes, Request::kSetFeatures, kProtocolFeaturesBit | kVirtioVersion1Bit);
  appendMessage(bytes, Request::kSetVringNum, VringState{0, 128});
  appendMessage(bytes, Request::kSetVringBase, VringState{0, 0});
  return bytes;
}

Status cutOff(Guest& guest) {
  if (Status connected = guest.connect(); !connected) return connected;
  const Bytes bytes = handshake();
  const size_t length = guest.variant() % (bytes.size() + 1);
  return guest.connection().socket().sendRaw(std::span(bytes).first(length));
}

Status wrongSize(Guest& guest) {
  constexpr Request kRequests[] = {
      Request::kGetFeatures,  Request::kSetFeatures,  Request::kSetLogBase,
      Request::kSetVringNum,  Request::kSetVringAddr, Request::kGetVringBase,
      Request::kSetVringKick, Request::kAddMemReg,    Request::kGetInflightFd};
  constexpr size_t kSizes[] = {1, 7, 23, 39, 41};
  if (Status connected = guest.connect(); !connected) return connected;
  const Bytes payload(kSizes[guest.variant() % std::size(kSizes)]);
  const auto request = static_cast<uint32_t>(guest.pick(kRequests));
  if (Status sent = guest.connection().socket().send(request, kVersion, payload); !sent)
    return sent;
  return hangsUp(guest);
}

Status wrongHeader(Guest& guest) {
  constexpr MessageHeader kHeaders[] = {{1, 0, 0},
                                        {1, 3, 0},
                                        {1, kVersion | kReplyFlag, 0},
                                        {5, kVersion, 1033},
                                        {77, kVersion, UINT32_MAX}};
  if (Status connected = guest.connect(); !connected) return connected;
  if (Status sent = guest.connection().socket().sendRaw(bytesOf(guest.pick(kHeaders))); !sent)
    return sent;
  return hangsUp(guest);
}

Status neverOffered(Guest& guest) {
  constexpr uint32_t kRequests[] = {0,  19, 22, 23, 28, 29,   30,
                                    35, 39, 40, 42, 43, 4096, UINT32_MAX};
  if (Status connected = guest.connect(); !connected) return connected;
  if (Status sent = guest.connection().socket().send(guest.pick(kRequests), kVersion, Bytes(16));
      !sent)
    return sent;
  return hangsUp(guest);
}

/// A pipe's two ends, memory, /dev/null, a folder: with messages that carry none, or fewer.
Status surplusFds(Guest& guest) {
  int ends[2];
  if (::pipe(ends) != 0) return systemError("pipe", errno);
  const UniqueFd reading(ends[0]), writing(ends[1]);
  const UniqueFd memory = sharedFile(4096), null = foreignFile(0), folder = foreignFile(1);
  constexpr size_t kCounts[] = {2, 5, 32, 33, 253};
  std::vector<int> fds;
  while (fds.size() < guest.pick(kCounts))
    for (const UniqueFd* fd : {&reading, &writing, &memory, &null, &folder})
      if (fds.size() < guest.pick(kCounts)) fds.push_back(fd->get());
  constexpr Request kRequests[] = {Request::kSetOwner, Request::kGetFeatures,
                                   Request::kSetVringKick, Request::kSetBackendReqFd};
  const Request request = kRequests[guest.variant() % std::size(kRequests)];
  if (Status connected = guest.connect(); !connected) return connected;
  const Bytes payload(request == Request::kSetVringKick ? 8 : 0);
  if (Status sent =
          guest.connection().socket().send(static_cast<uint32_t>(request), kVersion, payload, fds);
      !sent)
    return sent;
  return hangsUp(guest);
}

/// Behind the header, with the payload.
Status lateFds(Guest& guest) {
  if (Status connected = guest.connect(); !connected) return connected;
  const UniqueFd file = foreignFile(guest.variant());
  const int fd = file.get();
  const uint64_t index = 0;
  MessageSocket& socket = guest.connection().socket();
  const MessageHeader header{static_cast<uint32_t>(Request::kSetVringCall), kVersion, sizeof index};
  if (Status sent = socket.sendRaw(bytesOf(header)); !sent) return sent;
  if (Status sent = socket.sendRaw(bytesOf(index), std::span(&fd, 1)); !sent) return sent;
  return hangsUp(guest);
}

Status wrongKindOfFd(Guest& guest) {
  if (Status ready = guest.negotiate(); !ready) return ready;
  const UniqueFd file = foreignFile(guest.variant() / 2);
  const int fd = file.get();
  const uint64_t index = 0;
  constexpr Request kRequests[] = {Request::kSetVringKick, Request::kSetVringCall,
                                   Request::kSetVringErr, Request::kSetBackendReqFd};
  for (const Request request : kRequests) {
    const auto payload =
        request == Request::kSetBackendReqFd ? std::span<const std::byte>() : bytesOf(index);
    Status outcome = guest.connection().command(request, payload, std::span(&fd, 1));
    if (outcome = refused(outcome); !outcome) return outcome;
  }
  return {};
}

Status noSuchQueue(Guest& guest) {
  constexpr uint32_t kIndices[] = {257, 1000, 65536, 0x8000'0000, UINT32_MAX};
  if (Status ready = guest.negotiate(); !ready) return ready;
  Connection& connection = guest.connection();
  const uint32_t index = guest.pick(kIndices);
  for (const Status& outcome :
       {connection.setVringNum(index, 128), connection.setVringAddr({.index = index}),
        connection.setVringBase(index, 0), connection.setVringEnable(index, true)})
    if (Status was = refused(outcome); !was) return was;
  const uint64_t fdIndex = uint64_t{index} << 9 | kNoFd;
  for (const Request request :
       {Request::kSetVringKick, Request::kSetVringCall, Request::kSetVringErr})
    if (Status was = refused(connection.command(request, bytesOf(fdIndex))); !was) return was;
  const auto base = connection.getVringBase(index);
  return refused(base ? Status() : Status(base.error()));
}

Status noSuchSize(Guest& guest) {
  constexpr uint32_t kSizes[] = {0, 32769, 65535, 0x8000'0000, UINT32_MAX};
  if (Status ready = guest.negotiate(); !ready) return ready;
  return refused(guest.connection().setVringNum(0, guest.pick(kSizes)));
}

/// Past the end, or so that offset and size overflow; and SET_CONFIG says more than it brings.
Status configOutOfRange(Guest& guest) {
  constexpr ConfigHeader kPlaces[] = {
      {256, 1, 0}, {UINT32_MAX, 8, 0}, {255, 256, 0}, {0, 257, 0}, {UINT32_MAX - 7, 8, 0}};
  if (Status ready = guest.negotiate(); !ready) return ready;
  const ConfigHeader& place = guest.pick(kPlaces);
  const auto config = guest.connection().getConfig(place.offset, place.size);
  if (Status was = refused(config ? Status() : Status(config.error())); !was) return was;
  return refused(guest.connection().command(Request::kSetConfig, bytesOf(place)));
}

Status kickBeforeSetUp(Guest& guest) {
  if (Status ready = guest.negotiate(); !ready) return ready;
  return refused(guest.connection().setVringKick(0, -1));
}

/// Whoever comes second waits; what it says is never read.
Status secondFrontEnd(Guest& guest) {
  if (Status ready = guest.negotiate(); !ready) return ready;
  auto second = MessageSocket::connect(guest.socketPath());
  if (!second) return second.error();
  if (Status sent = second->sendRaw(handshake()); !sent) return sent;
  const auto features = guest.connection().getFeatures();
  if (!features) return features.error();
  return second->readable() ? Status(Error{EPROTO, "the second front end was answered"}) : Status();
}

constexpr Attack kAttacks[] = {
    {"a handshake cut off", cutOff},
    {"a payload of the wrong size", wrongSize},
    {"a header that is none", wrongHeader},
    {"a request never offered", neverOffered},
    {"file descriptors too many", surplusFds},
    {"file descriptors apart from their header", lateFds},
    {"a folder or /dev/null to notify", wrongKindOfFd},
    {"a queue that doesn't exist", noSuchQueue},
    {"a ring size that doesn't exist", noSuchSize},
    {"a config space out of range", configOutOfRange},
    {"a kick before the set-up", kickBeforeSetUp},
    {"a second front end", secondFrontEnd},
};

}  // namespace

std::span<const Attack> messageAttacks() {
  return kAttacks;
}

}  // namespace holdfast::hostile
