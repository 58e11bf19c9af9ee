#include "frontend/inflight_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

namespace holdfast::frontend {

Result<InflightMemory> InflightMemory::request(Connection& connection, uint16_t queueCount,
                                               uint16_t queueSize) {
  auto answer = connection.getInflightFd(queueCount, queueSize);
  if (!answer) return answer.error();
  auto& [description, file] = *answer;
  void* mapping = ::mmap(nullptr, description.mmapSize, PROT_READ | PROT_WRITE, MAP_SHARED,
                         file.get(), static_cast<off_t>(description.mmapOffset));
  if (mapping == MAP_FAILED) return systemError("cannot map the inflight region", errno);
  return InflightMemory(description, std::move(file), static_cast<std::byte*>(mapping));
}

void InflightMemory::Unmap::operator()(std::byte* mapping) const {
  ::munmap(mapping, size);
}

}  // namespace holdfast::frontend
