#pragma once

#include <cstddef>
#include <memory>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "frontend/connection.h"

namespace holdfast::frontend {

/// The inflight region as the front end keeps it over its back end's end, mapped here.
class InflightMemory {
 public:
  /// GET_INFLIGHT_FD. Errors: the connection's; mmap's.
  static Result<InflightMemory> request(Connection& connection, uint16_t queueCount,
                                        uint16_t queueSize);

  /// SET_INFLIGHT_FD.
  Status give(Connection& connection) const {
    return connection.setInflightFd(description_, file_.get());
  }

  InflightDescription& description() { return description_; }
  int file() const { return file_.get(); }
  /// Each queue's part has the same size.
  std::byte* queue(uint16_t index) const {
    return mapping_.get() + description_.mmapSize / description_.queueCount * index;
  }

 private:
  struct Unmap {
    uint64_t size;
    void operator()(std::byte* mapping) const;
  };

  InflightMemory(const InflightDescription& description, UniqueFd file, std::byte* mapping)
      : description_(description),
        file_(std::move(file)),
        mapping_(mapping, Unmap{description.mmapSize}) {}

  InflightDescription description_;
  UniqueFd file_;
  std::unique_ptr<std::byte, Unmap> mapping_;
};

}  // namespace holdfast::frontend
