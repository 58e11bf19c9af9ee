#include "core/lane/device_calls.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast {

int OpenCall::run() {
  fd_.reset(::open(path_.c_str(), flags_ | O_CLOEXEC, 0));
  return fd_ ? fd_.get() : -errno;
}

IoctlCall::IoctlCall(int fd, unsigned long request, Bytes argument, std::vector<Pointer> pointers)
    : fd_(fd), request_(request), argument_(std::move(argument)), pointers_(std::move(pointers)) {
  for (const Pointer& pointer : pointers_)
    elsewhere_.push_back(reinterpret_cast<uintptr_t>(pointer.buffer.data()));
}

int IoctlCall::run() {
  swapPointers();
  // Not repeated on EINTR: whether the device got the command isn't known.
  const int returned = ::ioctl(fd_, request_, argument_.data());
  const int result = returned < 0 ? -errno : returned;
  swapPointers();
  return result;
}

void IoctlCall::swapPointers() {
  for (size_t i = 0; i < pointers_.size(); ++i) {
    std::byte* place = argument_.data() + pointers_[i].offset;
    uint64_t there;
    std::memcpy(&there, place, sizeof there);
    std::memcpy(place, &elsewhere_[i], sizeof there);
    elsewhere_[i] = there;
  }
}

int CloseCall::run() {
  // On Linux the descriptor is gone even where close(2) reports an error.
  return ::close(fd_) == 0 ? 0 : -errno;
}

}  // namespace holdfast
