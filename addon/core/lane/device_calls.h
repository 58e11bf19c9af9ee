#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/lane/lane.h"

namespace holdfast {

/// open(2), with O_CLOEXEC. What nobody takes is closed again.
class OpenCall final : public LaneCall {
 public:
  OpenCall(std::string path, int flags) : path_(std::move(path)), flags_(flags) {}

  const std::string& path() const { return path_; }
  /// The descriptor, the caller's now; -1 if there is none.
  int take() { return fd_.release(); }

 protected:
  int run() override;

 private:
  const std::string path_;
  const int flags_;
  UniqueFd fd_;
};

/// ioctl(2) whose argument, and what that points to, are the call's own.
class IoctlCall final : public LaneCall {
 public:
  using Bytes = std::vector<std::byte>;
  struct Pointer {
    /// Where in the argument the address of `buffer` stands, 8 bytes.
    size_t offset = 0;
    Bytes buffer;
  };

  /// Every pointer lies within `argument`.
  IoctlCall(int fd, unsigned long request, Bytes argument, std::vector<Pointer> pointers);

  int fd() const { return fd_; }
  unsigned long request() const { return request_; }
  /// As the kernel left it; where pointers stand, there is what the caller had there.
  const Bytes& argument() const { return argument_; }
  const std::vector<Pointer>& pointers() const { return pointers_; }

 protected:
  int run() override;

 private:
  void swapPointers();

  const int fd_;
  const unsigned long request_;
  Bytes argument_;
  std::vector<Pointer> pointers_;
  /// What changes places with the argument's pointers: buffers' addresses while the caller's own
  /// bytes stand there.
  std::vector<uint64_t> elsewhere_;
};

/// close(2), which may wait for the device.
class CloseCall final : public LaneCall {
 public:
  explicit CloseCall(int fd) : fd_(fd) {}

  int fd() const { return fd_; }

 protected:
  int run() override;

 private:
  const int fd_;
};

}  // namespace holdfast
