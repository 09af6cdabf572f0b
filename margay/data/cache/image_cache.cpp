#include "margay/data/cache/image_cache.h"

#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/memory.h"
#include "margay/data/cache/disk_cache.h"
#include "margay/data/cache/ram_cache.h"

namespace margay::data {
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
    throw std::invalid_argument("[cache] a cache on disk needs a folder; say which with cache_folder");
  }
  return std::make_shared<DiskCache>(options.cache_folder, transforms, limit_of(options));
}

}  // namespace margay::data
