#include "margay/data/cache/disk_file.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"

namespace margay::data {
namespace {

constexpr std::uint32_t kMaxPathBytes = 1 << 16;
constexpr std::int32_t kMaxRecordSide = 1 << 28;

}  // namespace

std::uint64_t RecordHeader::pixel_bytes() const {
  return std::uint64_t{3} * static_cast<std::uint64_t>(height) * static_cast<std::uint64_t>(width);
}

std::uint64_t RecordHeader::record_bytes() const { return pixels_offset() + pixel_bytes() + sizeof(std::uint64_t); }

std::uint64_t RecordHeader::checksum_with(const std::string& path) const {
  std::vector<std::uint8_t> bytes(offsetof(RecordHeader, own_checksum) + path.size());
  std::memcpy(bytes.data(), this, offsetof(RecordHeader, own_checksum));
  std::memcpy(bytes.data() + offsetof(RecordHeader, own_checksum), path.data(), path.size());
  return checksum_of(bytes);
}

std::uint64_t RecordHeader::checksum_of(std::span<const std::uint8_t> bytes) const {
  return magic == kOldMagic ? core::checksum_before_xxh3(bytes) : core::checksum(bytes);
}

bool RecordHeader::is_plausible() const {
  const auto is_side = [](std::int32_t side) { return side > 0 && side <= kMaxRecordSide; };
  return (magic == kMagic || magic == kOldMagic) && path_bytes <= kMaxPathBytes && is_side(height) && is_side(width) &&
         is_side(source_height) && is_side(source_width);
}

RecordHeader make_header(const std::string& path, const FileVersion& version, const CachedImage& cached) {
  RecordHeader header;
  header.path_bytes = static_cast<std::uint32_t>(path.size());
  header.height = cached.image.height;
  header.width = cached.image.width;
  header.source_height = cached.source_height;
  header.source_width = cached.source_width;
  header.version = version;
  header.pixel_checksum = header.checksum_of(cached.image.pixels);
  header.own_checksum = header.checksum_with(path);
  return header;
}

namespace {

/// What the file begins with.
struct FileHeader {
  std::array<char, 8> magic = {'m', 'a', 'r', 'g', 'a', 'y', 'p', 'c'};
  std::uint32_t format_version = 1;
  std::uint32_t byte_order = 0x01020304;

  bool operator==(const FileHeader&) const = default;
};

bool read_all(int descriptor, void* to, std::size_t size, std::uint64_t offset) {
  auto* next = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t count = ::pread(descriptor, next, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    next += count;
    size -= static_cast<std::size_t>(count);
    offset += static_cast<std::uint64_t>(count);
  }
  return true;
}

/// 0, or the errno of what failed.
int write_all(int descriptor, const void* from, std::size_t size, std::uint64_t offset) {
  const auto* next = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t count = ::pwrite(descriptor, next, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : ENOSPC;
    next += count;
    size -= static_cast<std::size_t>(count);
    offset += static_cast<std::uint64_t>(count);
  }
  return 0;
}

std::uint64_t size_of_file(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::string reason_of(int error) { return std::generic_category().message(error); }

}  // namespace

DiskFile::DiskFile(const std::filesystem::path& path) : path_(path) {
  constexpr int kAttempts = 3;  // the second meets a new file, unless another process is just replacing it, too
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (open_once()) return;
    ::close(descriptor_);
    descriptor_ = -1;
  }
  throw core::IoError(path_, "is not a cache of images and cannot be replaced; remove it");
}

DiskFile::~DiskFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

/// False when the file was of another format and has been removed.
bool DiskFile::open_once() {
  constexpr mode_t kNewFileMode = 0666;  // less the umask
  obstacle_.clear();
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kNewFileMode);
  if (descriptor_ < 0) {
    obstacle_ = fmt::format("it cannot be written ({})", reason_of(errno));
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) throw core::IoError(path_, "cannot be opened", errno);
  } else if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    obstacle_ = errno == EWOULDBLOCK ? "another process or loader writes to it: only the images already in it are used"
                                     : fmt::format("it cannot be locked ({})", reason_of(errno));
  }
  const FileHeader expected;
  if (obstacle_.empty() && size_of_file(descriptor_) == 0) {
    const int error = write_all(descriptor_, &expected, sizeof expected, 0);
    if (error != 0) obstacle_ = fmt::format("it cannot be written ({})", reason_of(error));
  }
  FileHeader header;
  if (read_all(descriptor_, &header, sizeof header, 0) && header == expected) return true;
  if (!obstacle_.empty()) return true;               // nothing will be found in it
  if (is_still_in_place()) ::unlink(path_.c_str());  // not cut: others may be reading it
  return false;
}

/// Whether the open file is still the one of that name: another process may have replaced it meanwhile.
bool DiskFile::is_still_in_place() const {
  struct stat opened {};
  struct stat named {};
  if (::fstat(descriptor_, &opened) != 0 || ::stat(path_.c_str(), &named) != 0) return false;
  return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

bool DiskFile::read_record(std::uint64_t offset, std::uint64_t size, std::string& path, RecordHeader& header) const {
  if (size - offset < sizeof header) return false;
  if (!read_all(descriptor_, &header, sizeof header, offset) || !header.is_plausible()) return false;
  if (header.record_bytes() > size - offset) return false;
  path.resize(header.path_bytes);
  if (!read_all(descriptor_, path.data(), path.size(), offset + sizeof header)) return false;
  std::uint64_t mark = 0;
  if (!read_all(descriptor_, &mark, sizeof mark, offset + header.record_bytes() - sizeof mark)) return false;
  return header.own_checksum == header.checksum_with(path) && mark == header.commit_mark();
}

std::uint64_t DiskFile::scan(const Visit& visit) {
  FileHeader file_header;
  const bool is_ours = read_all(descriptor_, &file_header, sizeof file_header, 0) && file_header == FileHeader{};
  const std::uint64_t size = is_ours ? size_of_file(descriptor_) : 0;
  std::uint64_t offset = sizeof file_header;
  std::string path;
  RecordHeader header;
  while (offset < size && read_record(offset, size, path, header)) {
    visit(path, header, offset);
    offset += header.record_bytes();
  }
  if (obstacle_.empty() && offset < size && ::ftruncate(descriptor_, static_cast<off_t>(offset)) != 0) {
    obstacle_ = fmt::format("its incomplete end cannot be cut off ({})", reason_of(errno));
  }
  return offset;
}

bool DiskFile::read(std::uint64_t offset, std::span<std::uint8_t> pixels) const {
  return read_all(descriptor_, pixels.data(), pixels.size(), offset);
}

int DiskFile::write(std::uint64_t offset, const RecordHeader& header, const std::string& path,
                    std::span<const std::uint8_t> pixels) const {
  std::string head(reinterpret_cast<const char*>(&header), sizeof header);
  head += path;
  const std::uint64_t mark = header.commit_mark();
  int error = write_all(descriptor_, head.data(), head.size(), offset);
  if (error == 0) error = write_all(descriptor_, pixels.data(), pixels.size(), offset + header.pixels_offset());
  if (error == 0) {
    error = write_all(descriptor_, &mark, sizeof mark, offset + header.record_bytes() - sizeof mark);
  }
  return error;
}

}  // namespace margay::data
