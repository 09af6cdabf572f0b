#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <future>
#include <mutex>
#include <string>
#include <unordered_map>

#include "apps/studio/thumbnail_store.h"

namespace margay::studio {

/// What a thumbnail is made of.
struct ThumbnailOf {
  std::filesystem::path file;
  int side = 256;      ///< pixels; neither side of the thumbnail is longer, and smaller images keep their size
  int deep_bits = 16;  ///< data::ReadOptions
};

/// Images of files as small JPEGs: upright and as Margay reads them, which is not always as a browser would. A JPEG is
/// decoded at a fraction of its size. Those of kSides are kept (ThumbnailStore) under the file's path, size and times,
/// so a file that changed in any way gets a new one. May be used from any thread; several that ask for one image at the
/// same time read it once.
class Thumbnails {
 public:
  static constexpr std::array kSides = {128, 256, 512};
  static constexpr int kLargestSide = 4096;

  /// folder, limit: as ThumbnailStore.
  explicit Thumbnails(const std::filesystem::path& folder, std::uint64_t limit = ThumbnailStore::kDefaultLimit)
      : store_(folder, limit) {}

  /// The smallest of kSides that is not below `wanted`, or `wanted` where all are, at most kLargestSide.
  static int side_for(int wanted);

  /// A JPEG. Throws core::DataError naming the file that is no readable image; why is remembered, so a file that takes
  /// long to fail does so once.
  std::string jpeg(const ThumbnailOf& what);

  /// Text that is another one when the file has changed, for addresses and ETags. "" where there is no file.
  static std::string version_of(const std::filesystem::path& file);

  const ThumbnailStore& store() const { return store_; }

 private:
  using Key = ThumbnailStore::Key;
  struct HashOfKey {
    std::size_t operator()(const Key& key) const;
  };

  std::string make(const ThumbnailOf& what, const Key& key);

  ThumbnailStore store_;
  std::mutex mutex_;  // of what follows
  std::unordered_map<Key, std::shared_future<std::string>, HashOfKey> in_work_;
  std::unordered_map<Key, std::string, HashOfKey> problems_;
};

}  // namespace margay::studio
