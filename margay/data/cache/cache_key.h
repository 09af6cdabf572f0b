#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

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

}  // namespace margay::data
