#include "core/memory/shared_mapping.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace holdfast {
namespace {

Error refusal(const std::string& name, const std::string& why) {
  return {EINVAL, name + " " + why};
}

Status checkFile(const std::string& name, int fd, uint64_t offset, uint64_t size) {
  struct stat file;
  if (::fstat(fd, &file) != 0) return systemError("fstat of " + name, errno);
  if (!S_ISREG(file.st_mode))
    return refusal(name, std::string("is not a file that can be shared; ") + kShareMemoryAdvice);
  const auto fileSize = static_cast<uint64_t>(file.st_size);
  if (offset > fileSize || size > fileSize - offset)
    return refusal(name, "is longer than its file");
  return {};
}

/// hugetlbfs maps only whole huge pages.
Result<uint64_t> pageSizeOf(const std::string& name, int fd) {
  struct statfs filesystem;
  if (::fstatfs(fd, &filesystem) != 0) return systemError("fstatfs of " + name, errno);
  if (filesystem.f_type == HUGETLBFS_MAGIC) return static_cast<uint64_t>(filesystem.f_bsize);
  return static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Result<std::unique_ptr<const SharedMapping>> SharedMapping::map(
    const std::string& name, UniqueFd fd, uint64_t offset, uint64_t size,
    std::shared_ptr<const EventFd> onTruncated) {
  if (!fd) return refusal(name, std::string("came without a file; ") + kShareMemoryAdvice);
  if (size == 0) return refusal(name, "is empty");
  if (offset > UINT64_MAX - size) return refusal(name, "reaches past the end of its address space");
  if (Status file = checkFile(name, fd.get(), offset, size); !file) return file.error();
  const auto pageSize = pageSizeOf(name, fd.get());
  if (!pageSize) return pageSize.error();

  // checkFile() has bounded offset and size by the file's size, so nothing below can wrap.
  const uint64_t headSize = offset % *pageSize;
  const uint64_t used = headSize + size;
  const uint64_t mappingSize = (used + *pageSize - 1) / *pageSize * *pageSize;
  void* mapping = ::mmap(nullptr, mappingSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                         fd.get(), static_cast<off_t>(offset - headSize));
  if (mapping == MAP_FAILED) return systemError("mmap of " + name, errno);
  std::unique_ptr<const SharedMapping> shared(
      new SharedMapping(std::move(fd), static_cast<std::byte*>(mapping), mappingSize, headSize,
                        size, std::move(onTruncated)));
  if (::madvise(mapping, mappingSize, MADV_DONTFORK) != 0 ||
      ::madvise(mapping, mappingSize, MADV_DONTDUMP) != 0)
    return systemError("madvise of " + name, errno);
  return shared;
}

SharedMapping::SharedMapping(UniqueFd file, std::byte* mapping, size_t mappingSize, size_t headSize,
                             uint64_t size, std::shared_ptr<const EventFd> onTruncated)
    : file_(std::move(file)),
      mapping_(mapping),
      mappingSize_(mappingSize),
      start_(mapping + headSize),
      size_(size),
      guard_(std::in_place, mapping, mappingSize, std::move(onTruncated)) {}

SharedMapping::~SharedMapping() {
  guard_.reset();
  ::munmap(mapping_, mappingSize_);
}

}  // namespace holdfast
