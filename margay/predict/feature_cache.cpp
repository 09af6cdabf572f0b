#include "margay/predict/feature_cache.h"

#include <cstring>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/counted.h"
#include "margay/core/options.h"
#include "margay/core/text.h"

namespace margay::predict {
namespace {

constexpr int kFeaturesVersion = 1;  ///< another one where the same network would give other numbers

std::uint64_t checksum_of_numbers(const torch::Tensor& tensor) {
  const torch::Tensor dense = tensor.detach().cpu().contiguous();
  return core::checksum({static_cast<const std::uint8_t*>(dense.data_ptr()), dense.nbytes()});
}

/// Of the backbone alone: the head has no part in the features.
std::uint64_t checksum_of_weights(const model::Classifier& classifier) {
  std::string text;
  for (const auto& [name, tensor] : classifier.state()) {
    if (!name.starts_with("backbone.")) continue;
    text += fmt::format("{} {} {:016x}\n", name, tensor.sizes().vec(), checksum_of_numbers(tensor));
  }
  return core::checksum(text);
}

/// A row is kept as an image of one line: hash, numbers, and what completes the last pixel.
std::size_t kept_bytes(std::size_t features) {
  const std::size_t bytes = sizeof(std::uint64_t) + sizeof(float) * features;
  return (bytes + 2) / 3 * 3;
}

}  // namespace

std::string features_identity(const model::Classifier& classifier, const data::Loader& loader,
                              model::Precision precision, const std::string& views) {
  const model::ClassifierOptions& network = classifier.options();
  const data::Transforms& transforms = loader.pipeline().transforms();
  const bool is_through_cache = loader.options().cache != data::CacheKind::kOff;
  return fmt::format(
      "features {} of {} ({} channels, {}) image_px {} weights {:016x}; {} {}, LibTorch {}; {}{} to {} by {}; {}",
      kFeaturesVersion, network.architecture, network.in_channels, core::to_text(network.arithmetic),
      network.image_px.value_or(0), checksum_of_weights(classifier), core::to_text(precision),
      c10::DeviceTypeName(classifier.device().type()), TORCH_VERSION,
      data::cached_transforms(transforms.resize, loader.pipeline().read_options()),
      is_through_cache ? " through a cache" : "", transforms.augment.size,
      core::to_json(transforms.normalization).dump(), views);
}

FeatureCache::FeatureCache(const std::filesystem::path& folder, const std::string& identity)
    : folder_(folder), digest_(core::sha256_of(identity)), cache_(folder, identity, std::nullopt, "features") {}

/// The digest stands behind a line end, which hardly a path holds; if one does, the digests still differ.
data::CacheKey FeatureCache::own(const data::CacheKey& key) const {
  return {key.path.native() + '\n' + digest_, key.version};
}

bool FeatureCache::find(const data::CacheKey& key, KeptFeatures& kept) {
  if (cache_.find(own(key), room_) == nullptr) return false;
  const std::vector<std::uint8_t>& bytes = room_.image.pixels;
  if (bytes.size() != kept_bytes(kept.row.size())) return false;
  std::memcpy(&kept.hash, bytes.data(), sizeof kept.hash);
  std::memcpy(kept.row.data(), bytes.data() + sizeof kept.hash, kept.row.size_bytes());
  kept.contents = room_.contents;
  return true;
}

void FeatureCache::keep(const data::CacheKey& key, const KeptFeatures& kept) {
  data::CachedImage record;
  record.image = core::Image(1, static_cast<int>(kept_bytes(kept.row.size()) / 3));
  record.source_height = record.image.height;
  record.source_width = record.image.width;
  record.contents = kept.contents;
  std::memcpy(record.image.pixels.data(), &kept.hash, sizeof kept.hash);
  std::memcpy(record.image.pixels.data() + sizeof kept.hash, kept.row.data(), kept.row.size_bytes());
  cache_.keep(own(key), record);
}

std::string FeatureCache::warning() const {
  const data::CacheStats stats = cache_.stats();
  if (stats.left_out == 0 && stats.note.empty()) return "";
  const std::string reason = stats.note.empty() ? "there is no room for more" : stats.note;
  if (stats.left_out == 0) return fmt::format("the features kept in {}: {}", core::shown_path(folder_), reason);
  return fmt::format("the features of {} are not kept in {}: {}", core::counted(stats.left_out, "image"),
                     core::shown_path(folder_), reason);
}

}  // namespace margay::predict
