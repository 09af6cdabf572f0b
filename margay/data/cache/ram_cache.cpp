#include "margay/data/cache/ram_cache.h"

#include <functional>
#include <mutex>

namespace margay::data {
namespace {

/// The image's pixels, its path and about what the table takes for it.
std::uint64_t bytes_of(const std::string& path, const CachedImage& cached) {
  constexpr std::uint64_t kOverhead = 160;
  return cached.image.pixels.size() + path.size() + kOverhead;
}

}  // namespace

const CachedImage* RamCache::find(const CacheKey& key, CachedImage& /*room*/) {
  const std::string& name = key.path.native();
  Part& part = parts_[std::hash<std::string>()(name) % kParts];
  const std::shared_lock lock(part.mutex);
  const auto found = part.entries.find(name);
  const bool is_hit = found != part.entries.end() && found->second.version == key.version;
  (is_hit ? hits_ : misses_).fetch_add(1, std::memory_order_relaxed);
  return is_hit ? &found->second.cached : nullptr;
}

void RamCache::keep(const CacheKey& key, const CachedImage& cached) {
  const std::string& name = key.path.native();
  const std::size_t hash = std::hash<std::string>()(name);
  Part& part = parts_[hash % kParts];
  const std::uint64_t bytes = bytes_of(name, cached);
  const std::lock_guard lock(part.mutex);
  const auto found = part.entries.find(name);
  const bool is_there = found != part.entries.end();
  if (is_there && found->second.version == key.version) return;  // two threads loaded it at once
  if (is_there) found->second.is_outdated = true;
  if (is_there || !reserve(bytes)) {
    part.left_out.insert(hash);
    return;
  }
  part.entries.emplace(name, Entry{key.version, cached});
  part.left_out.erase(hash);
}

bool RamCache::reserve(std::uint64_t bytes) {
  std::uint64_t taken = bytes_.load();
  while (taken + bytes <= limit_bytes_) {
    if (bytes_.compare_exchange_weak(taken, taken + bytes)) return true;
  }
  return false;
}

CacheStats RamCache::stats() const {
  CacheStats stats;
  for (const Part& part : parts_) {
    const std::shared_lock lock(part.mutex);
    for (const auto& [name, entry] : part.entries) stats.images += entry.is_outdated ? 0 : 1;
    stats.left_out += part.left_out.size();
  }
  stats.bytes = bytes_;
  stats.limit_bytes = limit_bytes_;
  stats.hits = hits_;
  stats.misses = misses_;
  return stats;
}

}  // namespace margay::data
