#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "margay/data/cache/cache_key.h"
#include "margay/data/cache/cached_image.h"
#include "margay/data/loader/loader_options.h"

namespace margay::data {

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

}  // namespace margay::data
