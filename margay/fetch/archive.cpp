#include "margay/fetch/archive.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "margay/core/descriptor.h"
#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::fetch {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 18U;
constexpr std::uint64_t kUntilRatio = std::uint64_t{16} << 20U;
constexpr mode_t kFileRights = 0666;  // less the umask
constexpr mode_t kFolderRights = 0777;

struct CloseReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
struct CloseWriter {
  void operator()(archive* writer) const { archive_write_free(writer); }
};

std::string words_of(archive* from) {
  const char* words = archive_error_string(from);
  return words == nullptr ? "unknown" : core::one_line(words);
}

/// The file of the archive, locked as long as it is open: two processes must not unpack into one folder.
class LockedArchive {
 public:
  explicit LockedArchive(const std::filesystem::path& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!descriptor_.is_open()) throw core::DataError(path, "cannot be opened: " + std::string(::strerror(errno)));
    struct stat file {};
    if (::fstat(descriptor(), &file) == 0) bytes_ = static_cast<std::uint64_t>(file.st_size);
    if (::flock(descriptor(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    throw core::Error(fmt::format("{}: another process is unpacking it; wait until it ends", core::shown_path(path)));
  }

  int descriptor() const { return descriptor_.number(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  core::Descriptor descriptor_;
  std::uint64_t bytes_ = 0;
};

class Extraction {
 public:
  Extraction(const std::filesystem::path& archive, std::filesystem::path into, const ArchiveLimits& limits,
             ArchiveObserver& observer)
      : path_(archive),
        into_(std::move(into)),
        limits_(limits),
        observer_(observer),
        file_(archive),
        reader_(archive_read_new()),
        writer_(archive_write_disk_new()) {
    archive_read_support_filter_gzip(reader_.get());
    archive_read_support_filter_bzip2(reader_.get());
    archive_read_support_filter_xz(reader_.get());
    archive_read_support_filter_zstd(reader_.get());
    archive_read_support_format_tar(reader_.get());
    archive_read_support_format_zip(reader_.get());
    // Names are made absolute here, so that ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS cannot be set: check_name does it.
    archive_write_disk_set_options(writer_.get(), ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                                                      ARCHIVE_EXTRACT_NO_OVERWRITE);
  }

  Extracted run() {
    if (archive_read_open_fd(reader_.get(), file_.descriptor(), kReadBytes) != ARCHIVE_OK) fail_reading();
    archive_entry* entry = nullptr;
    while (next(entry)) take(entry);
    if (entries_ == 0) throw core::FormatError(path_, "is an empty archive");
    return extracted_;
  }

 private:
  bool next(archive_entry*& entry) {
    const int status = archive_read_next_header(reader_.get(), &entry);
    if (status == ARCHIVE_EOF) return false;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) fail_reading();
    if (++entries_ > limits_.entries) refuse_bomb(fmt::format("more than {} entries", limits_.entries));
    observer_.progressed(static_cast<std::uint64_t>(archive_filter_bytes(reader_.get(), -1)), file_.bytes());
    if (observer_.is_stop_wanted())
      throw core::Interrupted(fmt::format("The unpacking of {} was stopped", core::shown_path(path_)));
    return true;
  }

  void take(archive_entry* entry) {
    const std::string name = checked_name(entry);
    if (name.empty()) return;  // the top folder itself
    check_kind(entry, name);
    const bool is_folder = archive_entry_filetype(entry) == AE_IFDIR;
    if (!is_folder || !std::filesystem::is_directory(into_ / name)) check_is_new(name);
    archive_entry_copy_pathname(entry, (into_ / name).c_str());
    archive_entry_set_perm(entry, is_folder ? kFolderRights : kFileRights);
    if (archive_entry_size_is_set(entry) != 0) check_bytes(extracted_.bytes + size_of(entry), name);
    write_header(entry, name);
    if (is_folder) return;
    copy(name);
    ++extracted_.files;
  }

  static std::uint64_t size_of(archive_entry* entry) { return static_cast<std::uint64_t>(archive_entry_size(entry)); }

  void write_header(archive_entry* entry, const std::string& name) {
    const int status = archive_write_header(writer_.get(), entry);
    if (status == ARCHIVE_OK || status == ARCHIVE_WARN) return;
    fail_writing(name);
  }

  void copy(const std::string& name) {
    const std::uint64_t before = extracted_.bytes;
    std::uint64_t end = 0;
    while (true) {
      const void* block = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int status = archive_read_data_block(reader_.get(), &block, &size, &offset);
      if (status == ARCHIVE_EOF) break;
      if (status != ARCHIVE_OK) fail_reading();
      end = static_cast<std::uint64_t>(offset) + size;
      check_bytes(before + end, name);
      if (archive_write_data_block(writer_.get(), block, size, offset) < ARCHIVE_WARN) fail_writing(name);
      if (observer_.is_stop_wanted())
        throw core::Interrupted(fmt::format("The unpacking of {} was stopped", core::shown_path(path_)));
    }
    if (archive_write_finish_entry(writer_.get()) < ARCHIVE_WARN) fail_writing(name);
    extracted_.bytes = before + end;
  }

  /// The name without "./", checked part by part; "" for "." alone.
  std::string checked_name(archive_entry* entry) const {
    const char* given = archive_entry_pathname(entry);
    if (given == nullptr) given = archive_entry_pathname_utf8(entry);
    if (given == nullptr) throw core::FormatError(path_, "has an entry without a readable name");
    const std::string whole = given;
    if (whole.starts_with('/')) refuse(whole, "is an absolute name");
    std::string name;
    int depth = 0;
    for (std::size_t begin = 0; begin < whole.size();) {
      const std::size_t end = std::min(whole.find('/', begin), whole.size());
      const std::string_view part = std::string_view(whole).substr(begin, end - begin);
      begin = end + 1;
      if (part == "..") refuse(whole, "leads out of the folder");
      if (part.empty() || part == ".") continue;
      if (++depth > limits_.depth) refuse(whole, fmt::format("lies more than {} folders deep", limits_.depth));
      name.append(name.empty() ? "" : "/").append(part);
    }
    return name;
  }

  void check_kind(archive_entry* entry, const std::string& name) const {
    if (archive_entry_is_encrypted(entry) == 1) refuse(name, "is encrypted");
    if (archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr) refuse(name, "is a link");
    const auto type = archive_entry_filetype(entry);
    if (type != AE_IFREG && type != AE_IFDIR) refuse(name, "is neither a file nor a folder");
  }

  /// libarchive skips a second entry of one name without a word.
  void check_is_new(const std::string& name) const {
    std::error_code none;
    if (std::filesystem::exists(std::filesystem::symlink_status(into_ / name, none))) refuse(name, "is there twice");
  }

  void check_bytes(std::uint64_t bytes, const std::string& name) const {
    if (bytes > limits_.bytes) refuse_bomb(fmt::format("more than {} bytes, reached at '{}'", limits_.bytes, name));
    if (bytes <= kUntilRatio) return;
    const auto read = static_cast<double>(std::max<la_int64_t>(archive_filter_bytes(reader_.get(), -1), 1));
    if (static_cast<double>(bytes) > limits_.ratio * read) {
      refuse_bomb(fmt::format("more than {:g} times its own bytes, reached at '{}'", limits_.ratio, name));
    }
  }

  [[noreturn]] void refuse(const std::string& name, const std::string& problem) const {
    throw core::FormatError(path_, fmt::format("is not unpacked: '{}' in it {}", core::spelled_out(name), problem));
  }

  [[noreturn]] void refuse_bomb(const std::string& what) const {
    throw core::FormatError(path_, "is not unpacked: it holds " + what);
  }

  [[noreturn]] void fail_reading() const {
    throw core::FormatError(path_, "is no whole archive (tar or zip): " + words_of(reader_.get()));
  }

  [[noreturn]] void fail_writing(const std::string& name) const {
    throw core::IoError(into_ / name, "cannot be written: " + words_of(writer_.get()));
  }

  const std::filesystem::path& path_;
  std::filesystem::path into_;
  const ArchiveLimits& limits_;
  ArchiveObserver& observer_;
  LockedArchive file_;
  std::unique_ptr<archive, CloseReader> reader_;
  std::unique_ptr<archive, CloseWriter> writer_;
  std::uint64_t entries_ = 0;
  Extracted extracted_;
};

namespace fs = std::filesystem;

/// Removes itself with all that is in it.
class UnpackingFolder {
 public:
  explicit UnpackingFolder(fs::path path) : path_(std::move(path)) {
    std::error_code failure;
    fs::remove_all(path_, failure);  // of a process that was killed; the lock keeps that of a living one
    if (!failure) fs::create_directories(path_, failure);
    if (failure) throw core::IoError(path_, "cannot make this folder", failure.value());
  }
  UnpackingFolder(const UnpackingFolder&) = delete;
  UnpackingFolder& operator=(const UnpackingFolder&) = delete;
  ~UnpackingFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// The one folder that everything lies in, or the folder itself.
fs::path top_of(const fs::path& folder) {
  fs::directory_iterator first(folder);
  if (first == fs::directory_iterator() || !first->is_directory()) return folder;
  fs::path only = first->path();
  return ++first == fs::directory_iterator() ? only : folder;
}

void sync_files(const fs::path& folder) {
  const core::Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.is_open()) throw core::IoError(folder, "cannot be opened", errno);
  if (::syncfs(opened.number()) != 0) throw core::IoError(folder, "cannot sync", errno);
}

/// Without symbolic links, which ARCHIVE_EXTRACT_SECURE_SYMLINKS would refuse in any part of a path.
fs::path plain_place(const fs::path& folder) {
  std::error_code failure;
  fs::path parent = fs::absolute(folder).lexically_normal();
  if (!parent.has_filename()) parent = parent.parent_path();
  const fs::path name = parent.filename();
  fs::create_directories(parent.parent_path(), failure);
  if (failure) throw core::IoError(parent.parent_path(), "cannot make this folder", failure.value());
  return fs::canonical(parent.parent_path()) / name;
}

}  // namespace

Extracted extract(const fs::path& archive, const fs::path& folder, const ArchiveLimits& limits,
                  ArchiveObserver& observer) {
  const fs::path place = plain_place(folder);
  std::error_code none;
  if (fs::exists(fs::symlink_status(place, none)) && !(fs::is_directory(place, none) && fs::is_empty(place, none))) {
    throw core::IoError(folder, "is there already; give a new or an empty folder");
  }
  const fs::path hidden = place.parent_path() / ("." + place.filename().string() + ".unpacking");
  Extraction extraction(archive, hidden, limits, observer);
  const UnpackingFolder unpacking(hidden);
  const Extracted extracted = extraction.run();
  sync_files(unpacking.path());
  std::error_code failure;
  fs::rename(top_of(unpacking.path()), place, failure);
  if (failure) throw core::IoError(place, "cannot be given its name", failure.value());
  return extracted;
}

}  // namespace margay::fetch
