#include "margay/data/cache/disk_cache.h"

#include <cstring>
#include <functional>
#include <system_error>

#include <fmt/format.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

/// Gives a file of the name used before checksums were XXH3's its new one.
void adopt_old_name(const fs::path& old_name, const fs::path& new_name) {
  std::error_code failure;
  if (!fs::exists(new_name, failure)) fs::rename(old_name, new_name, failure);  // none there, as a rule
}

/// The cache's file; makes the folder.
fs::path file_in(const fs::path& folder, const std::string& transforms, const std::string& kind) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) throw core::IoError(folder, "cannot be made", failure.value());
  fs::path file = folder / fmt::format("{}-{:016x}.cache", kind, core::checksum(transforms));
  if (kind == DiskCache::kImages) {
    adopt_old_name(
        folder / fmt::format("pictures-{:016x}.cache", core::checksum_before_xxh3(core::text_bytes(transforms))), file);
  }
  return file;
}

std::uint64_t free_bytes(const fs::path& folder) {
  std::error_code failure;
  const fs::space_info space = fs::space(folder, failure);
  return failure ? 0 : space.available;
}

/// What a record bears as its path: the path and, if it is known, behind a zero the checksum of the file's contents.
/// Programs of before that was kept take both for a path that nobody asks for.
std::string path_with_contents(const std::string& path, std::uint64_t contents) {
  if (contents == 0) return path;
  std::string both = path + '\0';
  both.append(reinterpret_cast<const char*>(&contents), sizeof contents);
  return both;
}

std::uint64_t contents_behind(const std::string& both, std::size_t path_bytes) {
  std::uint64_t contents = 0;
  if (both.size() == path_bytes + 1 + sizeof contents) {
    std::memcpy(&contents, both.data() + path_bytes + 1, sizeof contents);
  }
  return contents;
}

}  // namespace

DiskCache::DiskCache(const fs::path& folder, const std::string& transforms, std::optional<std::uint64_t> limit_bytes,
                     const std::string& kind)
    : file_(file_in(folder, transforms, kind)) {
  end_ = file_.scan([&](const std::string& both, const RecordHeader& header, std::uint64_t offset) {
    const std::string path = both.substr(0, both.find('\0'));
    // A later record of a path replaces the earlier one.
    entries_[path] = {header, offset, contents_behind(both, path.size()), true, false};
  });
  limit_bytes_ = limit_bytes.value_or(end_ + free_bytes(folder) / 2);
  obstacle_ = file_.obstacle();
}

const CachedImage* DiskCache::find(const CacheKey& key, CachedImage& room) {
  const std::string& name = key.path.native();
  const std::optional<Entry> entry = entry_of(name);
  const bool is_hit = entry && key.version == entry->header.version && load(name, *entry, room);
  (is_hit ? hits_ : misses_).fetch_add(1, std::memory_order_relaxed);
  return is_hit ? &room : nullptr;
}

std::optional<DiskCache::Entry> DiskCache::entry_of(const std::string& path) const {
  const std::shared_lock lock(mutex_);
  const auto found = entries_.find(path);
  if (found == entries_.end() || !found->second.is_written) return std::nullopt;
  return found->second;
}

bool DiskCache::load(const std::string& path, const Entry& entry, CachedImage& room) {
  const RecordHeader& header = entry.header;
  room.source_height = header.source_height;
  room.source_width = header.source_width;
  room.contents = entry.contents;
  room.image.height = header.height;
  room.image.width = header.width;
  room.image.pixels.resize(header.pixel_bytes());
  const bool is_read = file_.read(entry.offset + header.pixels_offset(), room.image.pixels);
  if (is_read && entry.is_verified) return true;
  if (!is_read || header.checksum_of(room.image.pixels) != header.pixel_checksum) {
    forget(path, entry.offset);
    return false;
  }
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(path);
  if (found != entries_.end() && found->second.offset == entry.offset) found->second.is_verified = true;
  return true;
}

void DiskCache::forget(const std::string& path, std::uint64_t offset) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(path);
  if (found == entries_.end() || found->second.offset != offset) return;
  entries_.erase(found);
  ++damaged_;
}

void DiskCache::keep(const CacheKey& key, const CachedImage& cached) {
  const std::string& name = key.path.native();
  if (!key.version) return;
  const std::string both = path_with_contents(name, cached.contents);
  const RecordHeader header = make_header(both, *key.version, cached);
  const std::optional<std::uint64_t> offset = reserve(name, header, cached.contents);
  if (offset) settle(name, *offset, file_.write(*offset, header, both, cached.image.pixels));
}

/// Takes the next place in the file, if this image is to be written.
std::optional<std::uint64_t> DiskCache::reserve(const std::string& path, const RecordHeader& header,
                                                std::uint64_t contents) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(path);
  const bool is_known = found != entries_.end() && found->second.header.version == header.version;
  if (is_known) return std::nullopt;  // two threads loaded it at once
  const std::size_t hash = std::hash<std::string>()(path);
  const std::uint64_t bytes = header.record_bytes();
  if (!obstacle_.empty() || !header.is_plausible() || bytes > limit_bytes_ || end_ > limit_bytes_ - bytes) {
    if (found != entries_.end()) entries_.erase(found);  // of a version that is gone
    left_out_.insert(hash);
    return std::nullopt;
  }
  left_out_.erase(hash);
  const std::uint64_t offset = end_;
  end_ += bytes;
  entries_[path] = {header, offset, contents, false, true};
  return offset;
}

/// Notes how writing the record at `offset` ended. A newer version of the image may have taken its entry meanwhile.
void DiskCache::settle(const std::string& path, std::uint64_t offset, int error) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(path);
  const bool is_current = found != entries_.end() && found->second.offset == offset;
  if (error == 0) {
    if (is_current) found->second.is_written = true;
    return;
  }
  if (is_current) entries_.erase(found);
  left_out_.insert(std::hash<std::string>()(path));
  if (obstacle_.empty()) {
    obstacle_ = fmt::format("writing stopped ({}): nothing more is kept", std::generic_category().message(error));
  }
}

CacheStats DiskCache::stats() const {
  const std::shared_lock lock(mutex_);
  CacheStats stats;
  // The file serves other data sets and subsets too: what this one uses was found, and so verified, or written.
  for (const auto& [path, entry] : entries_) stats.images += entry.is_written && entry.is_verified ? 1 : 0;
  stats.left_out = left_out_.size();
  stats.bytes = end_;
  stats.limit_bytes = limit_bytes_;
  stats.hits = hits_;
  stats.misses = misses_;
  stats.note = obstacle_;
  if (damaged_ > 0) stats.note += fmt::format("{}{} were damaged", stats.note.empty() ? "" : "; ", damaged_);
  return stats;
}

}  // namespace margay::data
