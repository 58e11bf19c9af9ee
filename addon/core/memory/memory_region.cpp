#include "core/memory/memory_region.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>

namespace holdfast {
namespace {

Error refusal(const RegionDescription& description, const char* why) {
  return {EINVAL, describe(description) + " " + why};
}

Status checkAddresses(const RegionDescription& description) {
  if (description.size == 0) return refusal(description, "is empty");
  const uint64_t largestStart = UINT64_MAX - description.size;
  if (description.guestAddr > largestStart || description.frontendAddr > largestStart ||
      description.mmapOffset > largestStart)
    return refusal(description, "reaches past the end of its address space");
  return {};
}

Status checkFile(const RegionDescription& description, int fd) {
  struct stat file;
  if (::fstat(fd, &file) != 0) return systemError("fstat of " + describe(description), errno);
  if (!S_ISREG(file.st_mode)) {
    const std::string why = std::string("is not a file that can be shared; ") + kShareMemoryAdvice;
    return refusal(description, why.c_str());
  }
  if (static_cast<uint64_t>(file.st_size) < description.mmapOffset + description.size)
    return refusal(description, "is longer than its file");
  return {};
}

/// hugetlbfs maps only whole huge pages.
Result<uint64_t> pageSizeOf(const RegionDescription& description, int fd) {
  struct statfs filesystem;
  if (::fstatfs(fd, &filesystem) != 0)
    return systemError("fstatfs of " + describe(description), errno);
  if (filesystem.f_type == HUGETLBFS_MAGIC) return static_cast<uint64_t>(filesystem.f_bsize);
  return static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string describe(const RegionDescription& description) {
  char text[112];
  std::snprintf(text, sizeof text,
                "the memory region of 0x%" PRIx64 " bytes at guest address 0x%" PRIx64,
                description.size, description.guestAddr);
  return text;
}

Result<std::shared_ptr<const MemoryRegion>> MemoryRegion::map(
    const RegionDescription& description, UniqueFd fd, std::shared_ptr<const EventFd> onTruncated) {
  if (!fd) {
    const std::string why = std::string("came without a file; ") + kShareMemoryAdvice;
    return refusal(description, why.c_str());
  }
  if (Status addresses = checkAddresses(description); !addresses) return addresses.error();
  if (Status file = checkFile(description, fd.get()); !file) return file.error();
  const auto pageSize = pageSizeOf(description, fd.get());
  if (!pageSize) return pageSize.error();

  // checkFile() has bounded offset and size by the file's size, so nothing below can wrap.
  const uint64_t headSize = description.mmapOffset % *pageSize;
  const uint64_t used = headSize + description.size;
  const uint64_t mappingSize = (used + *pageSize - 1) / *pageSize * *pageSize;
  void* mapping = ::mmap(nullptr, mappingSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                         fd.get(), static_cast<off_t>(description.mmapOffset - headSize));
  if (mapping == MAP_FAILED) return systemError("mmap of " + describe(description), errno);
  std::shared_ptr<const MemoryRegion> region(
      new MemoryRegion(description, static_cast<std::byte*>(mapping), mappingSize, headSize,
                       std::move(onTruncated)));
  if (::madvise(mapping, mappingSize, MADV_DONTFORK) != 0 ||
      ::madvise(mapping, mappingSize, MADV_DONTDUMP) != 0)
    return systemError("madvise of " + describe(description), errno);
  return region;
}

MemoryRegion::~MemoryRegion() {
  guard_.reset();
  ::munmap(mapping_, mappingSize_);
}

}  // namespace holdfast
