#include "core/vhost_user/message.h"

#include <doctest/doctest.h>

namespace holdfast::vhost_user {
namespace {

TEST_CASE("message: requests are named as in the specification") {
  CHECK(requestName(1) == "GET_FEATURES");
  CHECK(requestName(18) == "SET_VRING_ENABLE");
  CHECK(requestName(43) == "CHECK_DEVICE_STATE");
  CHECK(requestName(0) == "message 0");
  CHECK(requestName(44) == "message 44");
  CHECK(requestName(~0U) == "message 4294967295");
}

TEST_CASE("message: every request that is served has a form of its own number") {
  for (const uint32_t request : {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,
                                 15, 16, 17, 18, 21, 24, 25, 31, 32, 34, 36, 37, 38}) {
    CAPTURE(request);
    REQUIRE(formOf(request) != nullptr);
    CHECK(static_cast<uint32_t>(formOf(request)->request) == request);
  }
  for (const uint32_t request : {0U,  19U, 20U, 22U, 23U, 26U, 27U, 28U, 29U, 30U,
                                 33U, 35U, 39U, 40U, 41U, 42U, 43U, 44U, 99U, ~0U}) {
    CAPTURE(request);
    CHECK(formOf(request) == nullptr);
  }
}

TEST_CASE("message: the start of a payload is read as a struct") {
  Message message;
  const VringAddresses sent{7, 1, 2, 3, 4, 5};
  std::memcpy(message.buffer.data(), &sent, sizeof sent);
  message.header.size = sizeof sent;
  CHECK(message.payload().size() == sizeof sent);
  CHECK(message.read<VringState>().index == 7);
  CHECK(message.read<VringAddresses>().availableAddr == 4);
}

TEST_CASE("message: a form bounds the payload and the fds") {
  const RequestForm form{Request::kGetConfig, 12, 20, 1, 0, true};
  Message message;
  const auto accepts = [&](uint32_t size) {
    message.header.size = size;
    return checkForm(form, message).ok();
  };
  CHECK_FALSE(accepts(11));
  CHECK(accepts(12));
  CHECK(accepts(20));
  CHECK_FALSE(accepts(21));
  message.fds.resize(1);
  CHECK(accepts(12));
  message.fds.resize(2);
  CHECK_FALSE(accepts(12));
}

}  // namespace
}  // namespace holdfast::vhost_user
