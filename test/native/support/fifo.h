#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "core/base/unique_fd.h"

namespace holdfast::test {

/// A pipe in the file system: opening it for reading waits in the kernel until someone opens it for
/// writing.
class Fifo {
 public:
  Fifo() {
    char folder[] = "/var/tmp/holdfast-test-XXXXXX";
    folder_ = ::mkdtemp(folder);
    path_ = folder_ + "/fifo";
    ::mkfifo(path_.c_str(), 0600);
  }
  ~Fifo() {
    ::unlink(path_.c_str());
    ::rmdir(folder_.c_str());
  }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;

  const std::string& path() const { return path_; }
  /// Lets an open for reading go on; waits for it to have begun.
  UniqueFd openForWriting() const { return UniqueFd(::open(path_.c_str(), O_WRONLY | O_CLOEXEC)); }

 private:
  std::string folder_, path_;
};

}  // namespace holdfast::test
