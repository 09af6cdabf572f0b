#include "apps/studio/thumbnail_store.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <span>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "margay/core/checksum.h"
#include "margay/core/descriptor.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLeastLimit = std::uint64_t{1} << 20U;
constexpr std::uint64_t kMostLimit = std::uint64_t{1} << 40U;
constexpr std::uint64_t kSegmentsOfLimit = 16;
constexpr std::uint64_t kLargestSegment = std::uint64_t{64} << 20U;
constexpr std::size_t kMostBytes = std::size_t{1} << 20U;
constexpr std::chrono::seconds kRest{60};
constexpr mode_t kOwnFile = 0600;

/// One entry of an index, as it lies in the file, which is only for the machine that made it.
struct IndexEntry {
  ThumbnailStore::Key key{};
  std::uint32_t offset = 0;
  std::uint32_t bytes = 0;
  std::uint64_t checksum = 0;  ///< of the bytes, mixed with the key and the place
};
static_assert(sizeof(IndexEntry) == 32, "the format of the file has no gaps");

std::uint64_t checksum_of(const ThumbnailStore::Key& key, std::uint32_t offset, std::string_view bytes) {
  IndexEntry sealed{key, offset, static_cast<std::uint32_t>(bytes.size())};
  sealed.checksum = core::checksum(bytes);
  return core::checksum({reinterpret_cast<const std::uint8_t*>(&sealed), sizeof sealed});
}

fs::path pack_of(const fs::path& folder, std::uint64_t number) { return folder / fmt::format("{}.pack", number); }
fs::path index_of(const fs::path& folder, std::uint64_t number) { return folder / fmt::format("{}.index", number); }

/// The numbers of the folder's segments, the oldest first; none where there is no folder.
std::vector<std::uint64_t> segment_numbers(const fs::path& folder) {
  std::vector<std::uint64_t> numbers;
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure)) {
    const std::string stem = entry->path().stem().string();
    std::uint64_t number = 0;
    const auto [last, problem] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
    const bool is_whole = problem == std::errc() && last == stem.data() + stem.size();
    if (is_whole && entry->path().extension() == ".index") numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

/// A file of the store, opened for this process alone.
class ThumbnailFile {
 public:
  ThumbnailFile(const fs::path& path, int flags)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, kOwnFile)) {}

  bool is_open() const { return descriptor_.is_open(); }
  int descriptor() const { return descriptor_.number(); }
  std::uint64_t size() const {
    struct stat file {};
    return ::fstat(descriptor(), &file) == 0 ? static_cast<std::uint64_t>(file.st_size) : 0;
  }
  bool is_in_a_folder() const {
    struct stat file {};
    return ::fstat(descriptor(), &file) == 0 && file.st_nlink > 0;
  }
  bool lock() const { return ::flock(descriptor(), LOCK_EX | LOCK_NB) == 0; }
  void unlock() const { ::flock(descriptor(), LOCK_UN); }

  bool read(std::uint64_t offset, void* to, std::size_t bytes) const {
    auto* at = static_cast<char*>(to);
    while (bytes > 0) {
      const ::ssize_t got = ::pread(descriptor(), at, bytes, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      at += got;
      offset += static_cast<std::uint64_t>(got);
      bytes -= static_cast<std::size_t>(got);
    }
    return true;
  }

  /// 0, or errno; the file then is as long as before.
  int append(std::uint64_t end, const void* from, std::size_t bytes) const {
    const auto* at = static_cast<const char*>(from);
    const std::uint64_t before = end;
    while (bytes > 0) {
      const ::ssize_t put = ::pwrite(descriptor(), at, bytes, static_cast<off_t>(end));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) {
        const int error = put == 0 ? ENOSPC : errno;
        cut(before);
        return error;
      }
      at += put;
      end += static_cast<std::uint64_t>(put);
      bytes -= static_cast<std::size_t>(put);
    }
    return 0;
  }
  void cut(std::uint64_t bytes) const {
    if (::ftruncate(descriptor(), static_cast<off_t>(bytes)) != 0) return;  // what is there is never taken for an entry
  }

 private:
  core::Descriptor descriptor_;
};

/// A pack and its index, open.
class ThumbnailStore::Segment {
 public:
  /// flags: of open(2).
  Segment(const fs::path& folder, std::uint64_t number, int flags)
      : index_(index_of(folder, number), flags), pack_(pack_of(folder, number), flags) {}

  bool is_open() const { return index_.is_open() && pack_.is_open(); }
  /// Whether this process alone may write it now: it is locked, and nobody has deleted it before that.
  bool lock() const { return index_.lock() && index_.is_in_a_folder() && pack_.is_in_a_folder(); }
  /// It is read from now on, and may be deleted.
  void unlock() const { index_.unlock(); }
  bool is_in_a_folder() const { return index_.is_in_a_folder() && pack_.is_in_a_folder(); }
  std::uint64_t size() const { return pack_.size(); }

  std::vector<IndexEntry> entries() const {
    std::vector<IndexEntry> entries(index_.size() / sizeof(IndexEntry));
    if (!index_.read(0, entries.data(), entries.size() * sizeof(IndexEntry))) entries.clear();
    return entries;
  }

  std::optional<std::string> read(const Key& key, std::uint32_t offset, std::uint32_t bytes,
                                  std::uint64_t checksum) const {
    std::string text(bytes, '\0');
    if (!pack_.read(offset, text.data(), text.size())) return std::nullopt;
    if (checksum_of(key, offset, text) != checksum) return std::nullopt;
    return text;
  }

  /// Fills in where the bytes went. Returns 0, or errno.
  int append(const Key& key, std::string_view bytes, IndexEntry& entry) const {
    const std::uint64_t end = pack_.size();
    entry = {key, static_cast<std::uint32_t>(end), static_cast<std::uint32_t>(bytes.size())};
    entry.checksum = checksum_of(key, entry.offset, bytes);
    if (const int error = pack_.append(end, bytes.data(), bytes.size())) return error;
    // A part of an entry, which a killed process left, is written over.
    const std::uint64_t entries_end = index_.size() / sizeof(IndexEntry) * sizeof(IndexEntry);
    return index_.append(entries_end, &entry, sizeof entry);
  }

 private:
  ThumbnailFile index_;
  ThumbnailFile pack_;
};

std::size_t ThumbnailStore::HashOfKey::operator()(const Key& key) const {
  std::size_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);  // a digest is as good as any hash of it
  return hash;
}

ThumbnailStore::ThumbnailStore(fs::path folder, std::uint64_t limit)
    : folder_(std::move(folder)), limit_(std::clamp(limit, kLeastLimit, kMostLimit)) {
  if (!folder_.empty()) read_segments();
}

ThumbnailStore::~ThumbnailStore() = default;

void ThumbnailStore::read_segments() {
  for (const std::uint64_t number : segment_numbers(folder_)) {
    const auto segment = std::make_shared<const Segment>(folder_, number, O_RDONLY);
    if (segment->is_open()) take_in(segment);
  }
}

void ThumbnailStore::take_in(const std::shared_ptr<const Segment>& segment) {
  const std::uint64_t size = segment->size();
  for (const IndexEntry& entry : segment->entries()) {
    const bool is_possible =
        entry.bytes > 0 && entry.bytes <= kMostBytes && std::uint64_t{entry.offset} + entry.bytes <= size;
    if (is_possible) places_[entry.key] = {segment, entry.offset, entry.bytes, entry.checksum};
  }
}

std::optional<std::string> ThumbnailStore::find(const Key& key) const {
  Place place;
  {
    const std::shared_lock lock(mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) return std::nullopt;
    place = found->second;
  }
  return place.segment->read(key, place.offset, place.bytes, place.checksum);
}

void ThumbnailStore::keep(const Key& key, std::string_view bytes) {
  if (folder_.empty() || bytes.empty() || bytes.size() > kMostBytes) return;
  const std::lock_guard writing(writing_);
  if (std::chrono::steady_clock::now() < resting_until_ || !prepare_segment(bytes.size())) return;
  IndexEntry entry;
  if (const int error = current_->append(key, bytes, entry)) return fail(error);
  const std::lock_guard lock(mutex_);
  places_[key] = {current_, entry.offset, entry.bytes, entry.checksum};
  obstacle_.clear();
}

/// Whether there is a segment with room for so many bytes.
bool ThumbnailStore::prepare_segment(std::size_t bytes) {
  const std::uint64_t most = std::min(kLargestSegment, limit_ / kSegmentsOfLimit);
  const bool has_room = current_ && (current_->size() == 0 || current_->size() + bytes <= most);
  if (has_room && current_->is_in_a_folder()) return true;
  if (current_) current_->unlock();
  current_.reset();
  std::error_code failure;
  fs::create_directories(folder_, failure);
  if (failure) {
    fail(failure.value());
    return false;
  }
  make_room();
  forget_deleted();
  current_ = segment_to_write();
  if (!current_) fail(errno);
  return current_ != nullptr;
}

/// The newest segment if nobody writes it and it has room, or a new one; null with errno where there can be none.
std::shared_ptr<ThumbnailStore::Segment> ThumbnailStore::segment_to_write() const {
  constexpr int kAttempts = 1000;  // other processes may make segments at the same time
  const std::vector<std::uint64_t> numbers = segment_numbers(folder_);
  std::uint64_t number = numbers.empty() ? 1 : numbers.back();
  const std::uint64_t most = std::min(kLargestSegment, limit_ / kSegmentsOfLimit);
  for (int attempt = 0; attempt < kAttempts; ++attempt, ++number) {
    auto segment = std::make_shared<Segment>(folder_, number, O_RDWR | O_CREAT);
    if (!segment->is_open()) return nullptr;
    if (segment->lock() && segment->size() < most / 2) return segment;
  }
  errno = EBUSY;
  return nullptr;
}

/// Deletes the oldest segments that nobody writes, until there is room for another.
void ThumbnailStore::make_room() {
  std::uint64_t sum = std::min(kLargestSegment, limit_ / kSegmentsOfLimit);
  const std::vector<std::uint64_t> numbers = segment_numbers(folder_);
  std::error_code failure;
  const auto size_of = [&](const fs::path& path) {
    const std::uintmax_t size = fs::file_size(path, failure);
    return failure ? 0 : size;
  };
  for (const std::uint64_t number : numbers) {
    sum += size_of(pack_of(folder_, number)) + size_of(index_of(folder_, number));
  }
  for (const std::uint64_t number : numbers) {
    if (sum <= limit_) return;
    const ThumbnailFile index(index_of(folder_, number), O_RDWR);
    if (index.is_open() && !index.lock()) continue;
    sum -= std::min<std::uint64_t>(sum, size_of(pack_of(folder_, number)) + size_of(index_of(folder_, number)));
    fs::remove(pack_of(folder_, number), failure);  // open ones stay readable until they are closed
    fs::remove(index_of(folder_, number), failure);
  }
}

/// Closes segments that were deleted, by this process or another: their space is free only then.
void ThumbnailStore::forget_deleted() {
  std::unordered_map<const Segment*, bool> is_there;
  const std::lock_guard lock(mutex_);
  std::erase_if(places_, [&](const auto& entry) {
    const Segment* segment = entry.second.segment.get();
    const auto [known, is_new] = is_there.try_emplace(segment, false);
    if (is_new) known->second = segment->is_in_a_folder();
    return !known->second;
  });
}

void ThumbnailStore::fail(int error) {
  resting_until_ = std::chrono::steady_clock::now() + kRest;
  const std::lock_guard lock(mutex_);
  obstacle_ = std::system_category().message(error);
}

std::size_t ThumbnailStore::size() const {
  const std::shared_lock lock(mutex_);
  return places_.size();
}

std::string ThumbnailStore::obstacle() const {
  const std::shared_lock lock(mutex_);
  return obstacle_;
}

}  // namespace margay::studio
