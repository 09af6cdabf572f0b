#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "margay/data/cache/disk_file.h"
#include "margay/data/cache/image_cache.h"

namespace margay::data {

/// Keeps images in one file `images-<transforms>.cache` of a folder (features-<…>.cache holds rows of features: the
/// kind of the file is the first word of its name), for this run and later ones. An image whose file has changed since
/// it was kept is not found, and is kept again. Checksums detect damage, which counts as a miss. Nothing is ever
/// removed: delete the folder to start again.
class DiskCache : public ImageCache {
 public:
  static constexpr const char* kImages = "images";

  /// Makes the folder. limit_bytes: the largest size of the file; by default its present size and half of the free disk
  /// space. kind: what the file is called. Throws core::IoError when folder or file can be neither written nor read.
  DiskCache(const std::filesystem::path& folder, const std::string& transforms,
            std::optional<std::uint64_t> limit_bytes, const std::string& kind = kImages);

  const CachedImage* find(const CacheKey& key, CachedImage& room) override;
  void keep(const CacheKey& key, const CachedImage& cached) override;
  CacheStats stats() const override;

 private:
  /// A record of the file.
  struct Entry {
    RecordHeader header;
    std::uint64_t offset = 0;
    std::uint64_t contents = 0;  ///< as CachedImage::contents
    bool is_written = false;
    bool is_verified =
        false;  ///< its pixels matched their checksum when it was first found, or this process wrote them
  };

  std::optional<Entry> entry_of(const std::string& path) const;
  bool load(const std::string& path, const Entry& entry, CachedImage& room);
  std::optional<std::uint64_t> reserve(const std::string& path, const RecordHeader& header, std::uint64_t contents);
  void settle(const std::string& path, std::uint64_t offset, int error);
  void forget(const std::string& path, std::uint64_t offset);

  DiskFile file_;
  std::uint64_t limit_bytes_ = 0;
  std::atomic<std::uint64_t> hits_ = 0;
  std::atomic<std::uint64_t> misses_ = 0;

  mutable std::shared_mutex mutex_;  // held for the table alone, never while reading or writing the file
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_set<std::size_t> left_out_;  // hashes of paths
  std::uint64_t end_ = 0;                     // where the next record goes
  std::size_t damaged_ = 0;
  std::string obstacle_;  // why nothing is written any more
};

}  // namespace margay::data
