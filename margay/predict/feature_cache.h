#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "margay/data/cache/disk_cache.h"
#include "margay/data/loader/loader.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"

namespace margay::predict {

/// What is kept of one image.
struct KeptFeatures {
  std::span<float> row;        ///< [D], the caller's memory
  std::uint64_t hash = 0;      ///< Features::hashes
  std::uint64_t contents = 0;  ///< as data::CachedImage::contents
};

/// A text that holds everything that decides an image's features but the image: the network and the checksum of its
/// backbone's weights, the arithmetic of network and machine, the transforms, LibTorch's version, and `views`.
std::string features_identity(const model::Classifier& classifier, const data::Loader& loader,
                              model::Precision precision, const std::string& views);

/// Keeps features in one file `features-<identity>.cache` of a folder, for this run and later ones: a data::DiskCache
/// whose records hold rows of numbers in place of pixels. As there, a changed image is not found, a checksum detects
/// damage, and one process writes while others read. Every record bears a digest of the identity, so that a file of
/// other features is never used, whatever it is called.
class FeatureCache {
 public:
  /// Makes the folder. Throws core::IoError when folder or file can be neither written nor read.
  FeatureCache(const std::filesystem::path& folder, const std::string& identity);

  /// Fills `kept`, or returns false. key: of the image's file.
  bool find(const data::CacheKey& key, KeptFeatures& kept);
  /// Never throws for a full or broken disk.
  void keep(const data::CacheKey& key, const KeptFeatures& kept);

  /// Why some features are not kept or were lost, as one sentence; "" if all is well.
  std::string warning() const;

 private:
  data::CacheKey own(const data::CacheKey& key) const;

  std::filesystem::path folder_;
  std::string digest_;
  data::DiskCache cache_;
  data::CachedImage room_;  ///< a record, its memory reused
};

}  // namespace margay::predict
