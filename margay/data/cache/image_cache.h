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
#include "margay/data/item.h"
#include "margay/data/loader/loader_options.h"
#include "margay/data/transform/resize.h"

namespace margay::data {

/// A file at one moment. An image that was written anew has another size or time.
struct FileVersion {
  std::int64_t bytes = 0;
  std::int64_t changed_ns = 0;  ///< st_mtim, nanoseconds since 1970

  bool operator==(const FileVersion&) const = default;
};

/// Names a kept image.
struct CacheKey {
  std::filesystem::path path;
  std::optional<FileVersion> version;  ///< nothing where there is no such file
};

/// The key of a file as it is now; its path is made absolute, since a cache on disk serves every working directory. To
/// be made before the file is read: if it changes meanwhile, what was read stands under a version that never comes
/// again.
CacheKey cache_key(std::filesystem::path path);

/// What is the same in every epoch of the way from a file to an item, and so worth keeping.
struct CachedImage {
  core::Image image;      ///< the presized image, or the decoded one
  int source_height = 0;  ///< of the decoded image, pixels
  int source_width = 0;

  bool is_presized() const { return image.height != source_height || image.width != source_width; }
};

/// Prepares a decoded image for keeping. Where the item is the largest square (crop): the whole image with its
/// shorter side at resize.size, or the decoded one if that is no larger. pad and squish look at more than a square, so
/// there the decoded image is kept, its shorter side brought down to twice resize.size if it is longer; random_crop
/// may enlarge a small part, so there every pixel is kept.
CachedImage to_cached(core::Image decoded, const ResizeOptions& options);

/// The item of a kept image: what Resize::apply makes of the decoded one, with the same draws. From a presized
/// image it is a copied square, whose place is rounded to a whole pixel of the presized image: nothing is
/// interpolated a second time. item: uint8 [S,S,3], written whole; its memory is used again.
void item_of_cached(const CachedImage& kept, const Resize& resize, Phase phase, core::Random& random,
                    core::Image& item);

/// Images kept under one of these can serve another only if the texts are equal. max_pixels: what was refused above
/// it, so that a lower limit does not serve what it refuses.
std::string cached_transforms(const ResizeOptions& options, std::int64_t max_pixels);

/// How a cache does.
struct CacheStats {
  std::size_t images = 0;    ///< kept, of those that were asked for
  std::size_t left_out = 0;  ///< offered, but there was no room, or nothing may be written
  std::uint64_t bytes = 0;   ///< what the cache takes, other data sets' images in its file included
  std::uint64_t limit_bytes = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::string note;  ///< why it keeps less than it could, "" if nothing is amiss

  /// "1,204 of 7,390 images fit in 1,000 MB", and the note.
  std::string text() const;
};

/// Keeps presized images from one epoch to the next. Nothing is ever thrown out to make room: an epoch walks over all
/// images, so what was used longest ago is what comes next. Safe to use from many threads.
class ImageCache {
 public:
  ImageCache() = default;
  ImageCache(const ImageCache&) = delete;
  ImageCache& operator=(const ImageCache&) = delete;
  virtual ~ImageCache() = default;

  /// The image kept for this file: one of the cache's own, which lives as long as the cache, or `room`, filled; null
  /// where there is none.
  virtual const CachedImage* find(const CacheKey& key, CachedImage& room) = 0;
  /// Keeps a copy if there is room. Never throws for a full or broken disk: the stats then say so.
  virtual void keep(const CacheKey& key, const CachedImage& cached) = 0;
  virtual CacheStats stats() const = 0;
};

/// The cache that the options ask for; null for off. `transforms` is cached_transforms(): images kept under another are
/// not found. Throws std::invalid_argument for a cache on disk without a folder, core::IoError when the folder cannot
/// be made or read.
std::shared_ptr<ImageCache> make_image_cache(const LoaderOptions& options, const std::string& transforms);

/// Keeps images in memory, first come, until the limit is reached. An image whose file has another size or time than
/// when it was kept is not found, nor kept anew: somebody may still look at what is there. Readers share their locks,
/// and the table is in parts with a lock each, so that threads do not wait for each other.
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
    bool is_outdated = false;  ///< the file was seen in another version
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
