#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/base/unique_fd.h"
#include "core/io/io_channel.h"

namespace holdfast {

/// Told when a disk's size changed; called on the thread that noticed.
class SizeListener {
 public:
  virtual void sizeChanged() = 0;

 protected:
  ~SizeListener() = default;
};

/// An opened image or block device, shared by its attachments.
class Disk {
 public:
  struct Options {
    UniqueFd fd;       // O_DIRECT where the file system has it; carries the writer lock
    std::string path;  // for messages
    bool readOnly = false;
    uint32_t blockSize = 0;  // 0 = the device's own
    bool anyEngine = true;
    EngineKind engine = EngineKind::kSync;
    std::string serial;
  };

  /// Probes size, alignment, topology and engine. Errors (EINVAL): neither a regular file nor a
  /// block device; size 0 or no multiple of the block size; a block size that is no power of two
  /// from 512 to 65536, or smaller than the device's; the engine asked for is refused here.
  static Result<std::unique_ptr<Disk>> open(Options options);

  const std::string& path() const { return options_.path; }
  const std::string& serial() const { return options_.serial; }
  bool readOnly() const { return options_.readOnly; }
  const DiskGeometry& geometry() const { return geometry_; }
  bool directIo() const { return directIo_; }
  uint32_t blockSize() const { return blockSize_; }
  uint32_t physicalBlockSize() const { return physicalBlockSize_; }
  bool discards() const { return discards_; }
  EngineKind engine() const { return engine_; }
  const std::string& engineReason() const { return engineReason_; }
  const std::atomic<uint64_t>& sizeBytes() const { return sizeBytes_; }

  /// Held by whoever reads and then writes and must not be interrupted by another who does.
  std::mutex& exclusiveUpdate() { return exclusiveUpdate_; }

  /// Reads the size again and tells the listeners if it changed. A size that isn't a multiple of
  /// the block size counts down to one. Error: fstat's or the ioctl's.
  Result<uint64_t> refreshSize();

  void addListener(SizeListener& listener);
  /// The listener isn't called any more when this returns.
  void removeListener(SizeListener& listener);

 private:
  explicit Disk(Options options) : options_(std::move(options)) {}

  Status probe();
  Result<uint64_t> readSize() const;
  void probeAlignment();
  void probeTopology();
  Status chooseBlockSize();
  Status chooseEngine();
  bool supportsNoWait() const;

  const Options options_;
  DiskGeometry geometry_;
  bool directIo_ = false;
  bool discards_ = true;
  uint32_t deviceBlockSize_ = 512;
  uint32_t blockSize_ = 512;
  uint32_t physicalBlockSize_ = 512;
  EngineKind engine_ = EngineKind::kSync;
  std::string engineReason_;
  std::atomic<uint64_t> sizeBytes_{0};
  std::mutex exclusiveUpdate_;
  std::mutex listenersMutex_;
  std::vector<SizeListener*> listeners_;
};

}  // namespace holdfast
