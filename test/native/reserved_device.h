#pragma once

#include <cstdint>

namespace holdfast::test {

/// Makes the host's devices look reserved by another initiator: what the core sends to the kernel
/// ends with EBADE and touches no medium. Stands between the core and its engines, and the system
/// calls of its blocking lane (the linker's --wrap, see CMakeLists.txt). One at a time.
class ReservedDevice {
 public:
  ~ReservedDevice() { release(); }

  /// From now on, but for the next `operations`.
  void reserve(uint64_t operations = 0);
  void release();
  /// How many operations have met the conflict.
  uint64_t conflicts() const;

 private:
  const uint64_t before_ = total();
  static uint64_t total();
};

}  // namespace holdfast::test
