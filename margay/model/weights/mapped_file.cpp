#include "margay/model/weights/mapped_file.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "margay/core/error.h"

namespace margay::model {
namespace {

std::string reason() { return " (" + std::generic_category().message(errno) + ")"; }

class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& path)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (number_ < 0) throw core::DataError(path, "cannot be opened" + reason());
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(number_); }
  int number() const { return number_; }

 private:
  int number_;
};

std::size_t size_of(const Descriptor& file, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) throw core::DataError(path, "cannot be examined" + reason());
  if (!S_ISREG(status.st_mode)) throw core::DataError(path, "is not a regular file");
  return static_cast<std::size_t>(status.st_size);
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file(path);
  size_ = size_of(file, path);
  if (size_ == 0) return;  // nothing can be mapped
  void* mapped = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.number(), 0);
  if (mapped == MAP_FAILED) throw core::DataError(path, "cannot be mapped" + reason());
  begin_ = static_cast<std::byte*>(mapped);
}

MappedFile::~MappedFile() {
  if (begin_ != nullptr) ::munmap(begin_, size_);
}

}  // namespace margay::model
