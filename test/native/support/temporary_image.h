#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "core/base/unique_fd.h"

namespace holdfast::test {

/// A sparse file that is gone with the object. Opened with O_DIRECT.
class TemporaryImage {
 public:
  explicit TemporaryImage(uint64_t size) {
    char path[] = "/var/tmp/holdfast-test-XXXXXX";
    UniqueFd created(::mkostemp(path, O_CLOEXEC));
    path_ = path;
    if (::ftruncate(created.get(), static_cast<off_t>(size)) != 0) path_.clear();
  }
  ~TemporaryImage() { ::unlink(path_.c_str()); }
  TemporaryImage(const TemporaryImage&) = delete;
  TemporaryImage& operator=(const TemporaryImage&) = delete;

  const std::string& path() const { return path_; }
  UniqueFd open(int flags = O_RDWR | O_DIRECT) const {
    return UniqueFd(::open(path_.c_str(), flags | O_CLOEXEC));
  }

 private:
  std::string path_;
};

}  // namespace holdfast::test
