#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "margay/core/image.h"
#include "margay/core/random.h"
#include "margay/data/image/read_image.h"
#include "margay/data/item.h"
#include "margay/data/loader/loader_options.h"
#include "margay/data/transform/resize.h"

namespace margay::data {

/// The version of a file: its size and the time of its last change. A file that is written again gets another version.
struct FileVersion {
  std::int64_t bytes = 0;
  std::int64_t changed_ns = 0;  ///< st_mtim, nanoseconds since 1970

  bool operator==(const FileVersion&) const = default;
};

/// The key under which an image is cached.
struct CacheKey {
  std::filesystem::path path;
  std::optional<FileVersion> version;  ///< nothing if there is no such file
};

/// The key of a file in its current version. The path is made absolute, since a cache on disk serves every working
/// directory. Make the key before you read the file: if the file changes meanwhile, the image is kept under a version
/// that is never asked for again.
CacheKey cache_key(std::filesystem::path path);

/// What is the same in every epoch between a file and its item, and therefore worth caching.
struct CachedImage {
  core::Image image;      ///< the presized image, or the decoded one
  int source_height = 0;  ///< of the decoded image, pixels
  int source_width = 0;
  /// core::checksum of the file's bytes, by which the image is known where they are not read again; 0: not known.
  std::uint64_t contents = 0;

  bool is_presized() const { return image.height != source_height || image.width != source_width; }
};

/// Prepares a decoded image for the cache. For the method crop, whose item is the largest square, that is the whole
/// image with its shorter side at resize.size, or the decoded image if it is not larger. pad and squish use more than a
/// square, so the decoded image is kept, with its shorter side reduced to twice resize.size if it is longer.
/// random_crop may enlarge a small part, so every pixel is kept.
CachedImage to_cached(core::Image decoded, const ResizeOptions& options);

/// The item of a cached image: the result of Resize::apply for the decoded image, with the same random draws. From a
/// presized image a square is copied, at a position rounded to whole pixels of the presized image, so that nothing is
/// interpolated a second time. item: uint8 [S,S,3], overwritten completely; its memory is reused.
void item_of_cached(const CachedImage& kept, const Resize& resize, Phase phase, core::Random& random,
                    core::Image& item);

/// A text that identifies how images are read and presized: cached images may be used only under the same text.
/// max_pixels is part of it, so that a lower limit does not accept cached images that it would refuse.
std::string cached_transforms(const ResizeOptions& options, const ReadOptions& reading);

/// Statistics of a cache.
struct CacheStats {
  std::size_t images = 0;    ///< kept, of the images that were asked for
  std::size_t left_out = 0;  ///< not kept, because there was no room or nothing may be written
  std::uint64_t bytes = 0;   ///< size of the cache, including images of other data sets in its file
  std::uint64_t limit_bytes = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::string note;  ///< why it keeps less than it could, or ""

  /// "1,204 of 7,390 images fit in 1,000 MB", and the note.
  std::string text() const;
};

/// Keeps presized images from one epoch to the next. Nothing is ever evicted: an epoch visits all images, so the least
/// recently used one is the next to be needed. Safe to use from many threads.
class ImageCache {
 public:
  ImageCache() = default;
  ImageCache(const ImageCache&) = delete;
  ImageCache& operator=(const ImageCache&) = delete;
  virtual ~ImageCache() = default;

  /// The image kept for this file, or null. The result is either the cache's own, which lives as long as the cache, or
  /// `room`, which is then filled.
  virtual const CachedImage* find(const CacheKey& key, CachedImage& room) = 0;
  /// Keeps a copy if there is room. Never throws for a full or broken disk; stats() reports it.
  virtual void keep(const CacheKey& key, const CachedImage& cached) = 0;
  virtual CacheStats stats() const = 0;
};

/// The cache that the options ask for; null for off. `transforms` is the text of cached_transforms(): images kept under
/// another text are not found. Throws std::invalid_argument for a cache on disk without a folder, core::IoError when
/// the folder cannot be made or read.
std::shared_ptr<ImageCache> make_image_cache(const LoaderOptions& options, const std::string& transforms);

/// Keeps images in memory, in the order they come, until the limit is reached. An image whose file has changed since it
/// was kept is not found, nor kept again, because a caller may still use the old one. Readers share locks, and each
/// part of the table has its own lock, so that threads do not wait for each other.
class RamCache : public ImageCache {
 public:
  explicit RamCache(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  const CachedImage* find(const CacheKey& key, CachedImage& room) override;
  void keep(const CacheKey& key, const CachedImage& cached) override;
  CacheStats stats() const override;

 private:
  static constexpr std::size_t kParts = 64;

  struct Entry {
    std::optional<FileVersion> version;
    CachedImage cached;
    bool is_outdated = false;  ///< the file has changed since
  };

  struct alignas(64) Part {  // a cache line of its own
    mutable std::shared_mutex mutex;
    std::unordered_map<std::string, Entry> entries;  // its nodes stay where they are
    std::unordered_set<std::size_t> left_out;        // hashes; a wrong count in 2^64 is harmless
  };

  bool reserve(std::uint64_t bytes);

  const std::uint64_t limit_bytes_;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> hits_ = 0;
  std::atomic<std::uint64_t> misses_ = 0;
  std::array<Part, kParts> parts_;
};

}  // namespace margay::data
