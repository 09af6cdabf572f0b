#include "margay/fetch/partial_file.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/core/threads.h"

namespace margay::fetch {

namespace fs = std::filesystem;

std::string Origin::validator() const {
  const bool is_strong = !etag.empty() && !etag.starts_with("W/");
  return is_strong ? etag : last_modified;
}

/// Reads again what was just written, which lies in the page cache, so that hashing does not wait for the network nor
/// the network for hashing.
class PartialFile::HashBehind {
 public:
  HashBehind(fs::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor), block_(kBlockBytes) {
    threads_ = core::start_threads(1, [this](const std::stop_token& stop) { follow(stop); });
  }

  void advance(std::uint64_t end) {
    const std::lock_guard lock(mutex_);
    end_ = end;
    has_more_.notify_one();
  }

  /// Of everything up to the last advance(). The caller hashes what the thread has not reached.
  std::string finish() {
    threads_.clear();
    hash_up_to(end_, {});
    if (failure_ != 0) throw core::IoError(path_, "cannot be read again", failure_);
    return sum_.finish();
  }

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{1} << 20U;

  void follow(const std::stop_token& stop) {
    while (!stop.stop_requested() && failure_ == 0) {
      std::uint64_t end = 0;
      {
        std::unique_lock lock(mutex_);
        if (!has_more_.wait(lock, stop, [this] { return end_ > hashed_; })) return;
        end = end_;
      }
      hash_up_to(end, stop);
    }
  }

  void hash_up_to(std::uint64_t end, const std::stop_token& stop) {
    while (hashed_ < end && failure_ == 0 && !stop.stop_requested()) {
      const std::size_t wanted = std::min<std::uint64_t>(block_.size(), end - hashed_);
      const ssize_t got = ::pread(descriptor_, block_.data(), wanted, static_cast<off_t>(hashed_));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) failure_ = got == 0 ? EIO : errno;
      if (got <= 0) return;
      sum_.update({block_.data(), static_cast<std::size_t>(got)});
      hashed_ += static_cast<std::uint64_t>(got);
    }
  }

  fs::path path_;
  int descriptor_;
  std::vector<std::uint8_t> block_;
  core::Sha256 sum_;
  std::uint64_t hashed_ = 0;  // by the thread; by the caller once that has ended
  int failure_ = 0;           // an errno
  std::mutex mutex_;
  std::condition_variable_any has_more_;
  std::uint64_t end_ = 0;  // under the mutex
  std::vector<std::jthread> threads_;
};

namespace {

using Json = nlohmann::ordered_json;

fs::path with_ending(const fs::path& file, const char* ending) { return fs::path(file).concat(ending); }

std::string text_in(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
}

/// Nothing for a file that is not there or says nothing of use.
std::optional<Origin> read_notes(const fs::path& path) {
  std::ifstream file(path);
  const Json json = core::parsed_json(file);
  if (!json.is_object() || text_in(json, "url").empty()) return std::nullopt;
  Origin origin{.url = text_in(json, "url"),
                .etag = text_in(json, "etag"),
                .last_modified = text_in(json, "last_modified"),
                .sha256 = text_in(json, "sha256"),
                .boot = text_in(json, "boot")};
  if (json.contains("bytes") && json["bytes"].is_number_unsigned()) origin.bytes = json["bytes"].get<std::uint64_t>();
  return origin;
}

/// Not durably: after a power cut a file without notes begins anew.
void write_notes(const fs::path& path, const Origin& origin) {
  const Json json = {{"url", origin.url},     {"etag", origin.etag},     {"last_modified", origin.last_modified},
                     {"bytes", origin.bytes}, {"sha256", origin.sha256}, {"boot", origin.boot}};
  std::ofstream file(path, std::ios::trunc);
  file << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  if (!file.flush()) throw core::IoError(path, "cannot write this file");
}

fs::path folder_around(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

}  // namespace

PartialFile::PartialFile(const fs::path& file)
    : file_(file), part_(with_ending(file, ".part")), notes_(with_ending(file, ".part.json")) {
  std::error_code failure;
  fs::create_directories(folder_around(file_), failure);
  if (failure) throw core::IoError(folder_around(file_), "cannot make this folder", failure.value());
  open();
  if (size_ > 0) origin_ = read_notes(notes_);
  hash_anew();
}

PartialFile::~PartialFile() {
  hash_.reset();
  if (descriptor_ >= 0) ::close(descriptor_);
}

/// A file that another process has just finished has another name by the time that it is locked here.
void PartialFile::open() {
  constexpr mode_t kMode = 0666;  // less the umask
  while (true) {
    descriptor_ = ::open(part_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kMode);
    if (descriptor_ < 0) fail("cannot write this file");
    if (!lock()) {
      ::close(std::exchange(descriptor_, -1));
      throw core::Error(
          fmt::format("{}: another process is fetching this file; wait until it ends", core::shown_path(part_)));
    }
    struct stat opened {};
    struct stat named {};
    if (::fstat(descriptor_, &opened) != 0) fail("cannot be opened");
    if (!S_ISREG(opened.st_mode)) throw core::IoError(part_, "cannot be written: not a regular file");
    size_ = static_cast<std::uint64_t>(opened.st_size);
    if (::stat(part_.c_str(), &named) == 0 && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev) return;
    ::close(std::exchange(descriptor_, -1));
  }
}

bool PartialFile::lock() const { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }

void PartialFile::hash_anew() {
  hash_.reset();
  hash_ = std::make_unique<HashBehind>(part_, descriptor_);
  hash_->advance(size_);
}

void PartialFile::fail(const char* problem) const { throw core::IoError(part_, problem, errno); }

void PartialFile::begin(const Origin& origin) {
  hash_.reset();
  if (::ftruncate(descriptor_, 0) != 0) fail("cannot be emptied");
  size_ = 0;
  write_notes(notes_, origin);
  origin_ = origin;
  hash_anew();
}

void PartialFile::append(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write; what has arrived is kept");
    size_ += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  hash_->advance(size_);
}

std::string PartialFile::sha256() { return hash_->finish(); }

void PartialFile::commit() {
  hash_.reset();
  if (::fsync(descriptor_) != 0) fail("cannot sync");
  if (::rename(part_.c_str(), file_.c_str()) != 0) fail("cannot be given its name");
  core::sync_folder(file_.parent_path());
  std::error_code ignored;
  fs::remove(notes_, ignored);
}

void PartialFile::discard() {
  hash_.reset();
  std::error_code ignored;
  fs::remove(part_, ignored);
  fs::remove(notes_, ignored);
}

}  // namespace margay::fetch
