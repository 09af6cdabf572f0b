#include "margay/data/cache/image_cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <nlohmann/json.hpp>

#include "margay/core/machine.h"
#include "margay/data/cache/disk_cache.h"
#include "margay/data/image/resample.h"

namespace margay::data {

CacheKey cache_key(std::filesystem::path path) {
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  path = std::filesystem::absolute(path).lexically_normal();
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {std::move(path), std::nullopt};
  return {std::move(path), FileVersion{status.st_size, status.st_mtim.tv_sec * kNsPerSecond + status.st_mtim.tv_nsec}};
}

namespace {

/// To be raised when the same options make other pixels.
constexpr int kTransformsVersion = 3;

/// Whether the item is the largest square.
bool takes_a_square(const ResizeOptions& options) { return options.method == ResizeMethod::kCrop; }

/// The longest sensible shorter side of a kept image, pixels.
int kept_side(const ResizeOptions& options) {
  if (options.method == ResizeMethod::kRandomCrop) return std::numeric_limits<int>::max();
  return takes_a_square(options) ? options.size : 2 * options.size;
}

/// Where a length of the source ends up when the shorter side becomes `side`, to a whole pixel.
int scaled(int length, int shorter, int side) {
  return static_cast<int>(std::lround(static_cast<double>(length) * side / shorter));
}

/// A whole position 0 … room. It is rounded down in the source's pixels, as by Resize.
int place_in_source(double at, int room) { return static_cast<int>(at * room); }

void copy_square(const core::Image& from, int left, int top, int side, core::Image& out) {
  out.height = side;
  out.width = side;
  const std::size_t row_bytes = std::size_t{3} * static_cast<std::size_t>(side);
  out.pixels.resize(row_bytes * static_cast<std::size_t>(side));
  for (int y = 0; y < side; ++y) std::memcpy(out.row(y), from.row(top + y) + std::ptrdiff_t{3} * left, row_bytes);
}

}  // namespace

CachedImage to_cached(core::Image decoded, const ResizeOptions& options) {
  const int height = decoded.height;
  const int width = decoded.width;
  const int shorter = std::min(height, width);
  const int side = kept_side(options);
  if (shorter <= side) return {std::move(decoded), height, width};
  return {resample(decoded, scaled(height, shorter, side), scaled(width, shorter, side)), height, width};
}

void item_of_cached(const CachedImage& kept, const Resize& resize, Phase phase, core::Random& random,
                    core::Image& item) {
  if (!kept.is_presized() || !takes_a_square(resize.options())) {
    item = resize.apply(kept.image, phase, random);
    return;
  }
  const int size = resize.options().size;
  const int shorter = std::min(kept.source_height, kept.source_width);
  const double at_x = phase == Phase::kTrain ? random.uniform() : 0.5;  // as Resize draws
  const double at_y = phase == Phase::kTrain ? random.uniform() : 0.5;
  const int left = scaled(place_in_source(at_x, kept.source_width - shorter), shorter, size);
  const int top = scaled(place_in_source(at_y, kept.source_height - shorter), shorter, size);
  copy_square(kept.image, std::min(left, kept.image.width - size), std::min(top, kept.image.height - size), size, item);
}

std::string cached_transforms(const ResizeOptions& options, const ReadOptions& reading) {
  std::string text = fmt::format("{} {} {}", kTransformsVersion, core::to_json(options).dump(), reading.max_pixels);
  if (reading.deep_bits != ReadOptions().deep_bits) text += fmt::format(" deep_bits {}", reading.deep_bits);
  return text;
}

namespace {

constexpr std::uint64_t kMb = 1'000'000;

/// 7390 as "7,390".
std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, ",");
  return digits;
}

std::optional<std::uint64_t> limit_of(const LoaderOptions& options) {
  if (!options.cache_limit_mb) return std::nullopt;
  return static_cast<std::uint64_t>(*options.cache_limit_mb) * kMb;
}

}  // namespace

std::string CacheStats::text() const {
  std::string text = fmt::format("{} of {} images fit in {} MB", grouped(images), grouped(images + left_out),
                                 grouped(limit_bytes / kMb));
  return note.empty() ? text : text + "; " + note;
}

std::shared_ptr<ImageCache> make_image_cache(const LoaderOptions& options, const std::string& transforms) {
  switch (options.cache) {
    case CacheKind::kOff:
      return nullptr;
    case CacheKind::kRam:
      return std::make_shared<RamCache>(limit_of(options).value_or(core::available_memory_bytes() / 2));
    case CacheKind::kDisk:
      break;
  }
  if (options.cache_folder.empty()) {
    throw std::invalid_argument("[cache] a cache on disk needs a folder; give `cache_folder`");
  }
  return std::make_shared<DiskCache>(options.cache_folder, transforms, limit_of(options));
}

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
