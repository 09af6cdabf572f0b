#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "margay/data/cache/image_cache.h"

namespace margay::data {

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
