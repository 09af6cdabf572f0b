#include "margay/data/cache/cache_key.h"

#include <sys/stat.h>

#include <utility>

namespace margay::data {

CacheKey cache_key(std::filesystem::path path) {
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  path = std::filesystem::absolute(path).lexically_normal();
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {std::move(path), std::nullopt};
  return {std::move(path), FileVersion{status.st_size, status.st_mtim.tv_sec * kNsPerSecond + status.st_mtim.tv_nsec}};
}

}  // namespace margay::data
