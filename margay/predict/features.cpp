#include "margay/predict/features.h"

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <span>
#include <utility>

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/image.h"
#include "margay/data/check/fingerprint.h"
#include "margay/data/loader/batch.h"
#include "margay/predict/feature_cache.h"
#include "margay/predict/shared_rows.h"

namespace margay::predict {
namespace {

using ImageIds = std::vector<std::size_t>;

/// The transforms of photographs taken a moment later: the camera has moved a little, the light has changed.
data::Transforms mild_changes(data::Transforms transforms) {
  const int size = transforms.augment.size;
  transforms.resize = {.size = transforms.resize.size};
  transforms.augment = {.size = size,
                        .min_scale = 0.75,
                        .do_flip = false,
                        .max_rotate = 5,
                        .max_zoom = 1,
                        .max_lighting = 0.2,
                        .max_warp = 0.1,
                        .p_affine = 1,
                        .p_lighting = 1};
  return transforms;
}

/// The views of an image whose mean its features are.
struct Views {
  data::Loader first;                 ///< of the first view, and of its hash
  bool flip = false;                  ///< the first view is averaged with its mirror image
  std::optional<data::Loader> draws;  ///< of the further ones
  std::int64_t count = 0;             ///< how many there are, each of an epoch of `draws`
  std::string text;                   ///< what of this decides the numbers
};

std::string text_of_draws(const data::Loader& draws) {
  return fmt::format("of seed {} by {}", draws.options().seed,
                     core::to_json(draws.pipeline().transforms().augment).dump());
}

Views averaged_views(const data::Loader& plain, const FeatureOptions& options) {
  Views views{.first = plain, .flip = options.average_flip, .count = options.average_draws};
  views.text = options.average_flip ? "with mirror images" : "plain";
  if (options.average_draws == 0) return views;
  views.draws = plain.augmented();
  views.text += fmt::format(", {} draws {}", options.average_draws, text_of_draws(*views.draws));
  return views;
}

Views changed_views(const data::Loader& plain) {
  const data::Loader changed = plain.augmented(mild_changes(plain.pipeline().transforms()));
  return {.first = changed, .draws = std::nullopt, .text = "changed " + text_of_draws(changed)};
}

/// uint8 [N,32,32,3] on the CPU. images: float [N,3,H,W], normalised.
torch::Tensor thumbnails(const torch::Tensor& images, const data::Normalization& normalization) {
  const auto channels = [](const std::array<double, 3>& values) {
    return torch::tensor(at::ArrayRef<double>(values.data(), values.size()), torch::kFloat).view({1, 3, 1, 1});
  };
  const torch::Tensor small =
      at::adaptive_avg_pool2d(images, {data::Fingerprint::kSide, data::Fingerprint::kSide}).cpu();
  const torch::Tensor light = small * channels(normalization.std) + channels(normalization.mean);  // 0 … 1
  return (light * 255).round().clamp(0, 255).to(torch::kByte).permute({0, 2, 3, 1}).contiguous();
}

std::vector<std::uint64_t> hashes_of(const torch::Tensor& images, const data::Normalization& normalization) {
  const torch::Tensor bytes = thumbnails(images, normalization);
  core::Image thumbnail(data::Fingerprint::kSide, data::Fingerprint::kSide);
  std::vector<std::uint64_t> hashes;
  for (std::int64_t i = 0; i < bytes.size(0); ++i) {
    const auto* begin = bytes.data_ptr<std::uint8_t>() + i * bytes.stride(0);
    std::copy_n(begin, thumbnail.pixels.size(), thumbnail.pixels.begin());
    hashes.push_back(data::fingerprint_of(thumbnail).hash);
  }
  return hashes;
}

/// The features of some images of a dataset, from the cache or computed.
class FeatureCollector {
 public:
  FeatureCollector(model::Classifier& classifier, const Views& views, const ImageIds& ids, model::Precision precision,
                   collective::Group& group, ImageCounter count = {})
      : classifier_(classifier),
        group_(group),
        dataset_(views.first.dataset()),
        views_(views),
        ids_(ids),
        precision_(precision),
        count_(std::move(count)),
        views_seen_(ids.size()) {
    const auto images = static_cast<std::int64_t>(ids.size());
    collected_.rows = torch::empty({images, classifier.backbone().features()});
    collected_.hashes.resize(ids.size());
  }

  /// Ids ascending, hashes, rows; no targets.
  Features collect(const FeatureOptions& options) {
    const bool is_named = !is_alone() || !options.cache_folder.empty();
    const std::string identity = is_named ? features_identity(classifier_, views_.first, precision_, views_.text) : "";
    check_same_network(identity);
    open_cache(options.cache_folder, identity);
    const ImageIds missing = find_in_cache();
    compute_together(missing);
    const bool is_mixed = collected_.from_cache > 0 && std::any_of(missing.begin(), missing.end(), [this](auto id) {
                            return views_seen_[slot_of(id)] > 0;
                          });
    if (is_mixed && options.kept == KeptFeaturesUse::kAllOrNone) compute_anew();
    if (cache_ && !cache_->warning().empty()) collected_.warnings.push_back(cache_->warning());
    return without_gaps();
  }

 private:
  bool is_alone() const { return group_.size() == 1; }

  void check_same_network(const std::string& identity) {
    if (is_alone()) return;
    collective::check_same(
        group_, {{"the network, its transforms, LibTorch or the processor", core::sha256_of(identity).substr(0, 12)},
                 {"the number of images", std::to_string(ids_.size())}});
  }

  void open_cache(const std::filesystem::path& folder, const std::string& identity) {
    if (folder.empty()) return;
    try {
      cache_ = std::make_unique<FeatureCache>(folder, identity);
    } catch (const core::IoError& problem) {
      collected_.warnings.push_back(fmt::format("features are not kept: {}", problem.what()));
      return;
    }
    for (const std::size_t id : ids_) keys_.push_back(key_of(id));
  }

  /// Without a version, which is never found or kept, for an image that is no file.
  data::CacheKey key_of(std::size_t id) const {
    const data::ImageSource image = dataset_.image(id);
    return image.is_file() ? data::cache_key(image.name()) : data::CacheKey{image.name(), std::nullopt};
  }

  /// Returns the images that are in no process's cache.
  ImageIds find_in_cache() {
    std::vector<bool> is_known(ids_.size());
    for (std::size_t slot = 0; slot < ids_.size(); ++slot) {
      KeptFeatures kept{.row = row(slot)};
      if (!cache_ || !keys_[slot].version || !cache_->find(keys_[slot], kept)) continue;
      is_known[slot] = true;
      take(slot, kept.hash, kept.contents);
    }
    SharedRows known{.is_known = is_known, .is_to_tell = {}};
    if (!is_alone()) known = known_by_all(group_, is_known);
    ImageIds missing;
    for (std::size_t slot = 0; slot < ids_.size(); ++slot) {
      if (!known.is_known[slot]) missing.push_back(ids_[slot]);
      if (!is_alone() && known.is_to_tell[slot]) to_tell_.push_back(slot);
    }
    collected_.from_cache = static_cast<std::int64_t>(ids_.size() - missing.size());
    announce(ids_.size() - missing.size());
    return missing;
  }

  /// Features that were computed before, or by another process.
  void take(std::size_t slot, std::uint64_t hash, std::uint64_t contents) {
    collected_.hashes[slot] = hash;
    views_seen_[slot] = all_views();
    if (contents != 0) dataset_.contents().note(ids_[slot], contents);
  }

  /// Each process some of the images; then all have the features of all.
  void compute_together(const ImageIds& ids) {
    if (is_alone()) return compute(ids);
    const auto batch_size = static_cast<std::size_t>(views_.first.options().batch_size);
    const RowShare share = share_of(group_, ids.size(), batch_size);
    const ImageIds mine(ids.begin() + static_cast<std::ptrdiff_t>(share.begin),
                        ids.begin() + static_cast<std::ptrdiff_t>(share.end));
    compute(mine);
    for (const std::size_t id : mine) {
      if (views_seen_[slot_of(id)] > 0) to_tell_.push_back(slot_of(id));
    }
    tell_rows(
        group_, std::exchange(to_tell_, {}), collected_.rows.size(1),
        [this](std::size_t slot) {
          return ToldRow{slot, collected_.hashes[slot], dataset_.contents().of(ids_[slot]).value_or(0), row(slot)};
        },
        [this](const ToldRow& told) {
          std::copy(told.row.begin(), told.row.end(), row(told.slot).begin());
          take(told.slot, told.hash, told.contents);
          finish(told.slot);
        });
    share_skipped();
  }

  /// Those that other processes could not read, too.
  void share_skipped() {
    const auto problem_of = [](const data::SkippedImage& image) { return nlohmann::json{image.id, image.problem}; };
    nlohmann::json mine = nlohmann::json::array();
    for (const data::SkippedImage& image : collected_.skipped) mine.push_back(problem_of(image));
    collected_.skipped.clear();
    for (const std::string& text : group_.gather(mine.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))) {
      for (const nlohmann::json& image : nlohmann::json::parse(text)) {
        collected_.skipped.push_back({image.at(0).get<std::size_t>(), image.at(1).get<std::string>()});
      }
    }
    const bool is_nothing = std::all_of(views_seen_.begin(), views_seen_.end(), [](auto views) { return views == 0; });
    if (is_nothing && !collected_.skipped.empty()) {
      throw data::nothing_readable(dataset_, ids_.size(), collected_.skipped.front().problem);
    }
  }

  void compute(const ImageIds& missing) {
    if (!views_.draws) return compute_part(missing);
    const auto part = static_cast<std::size_t>(kBatchesAtOnce * views_.first.options().batch_size);
    for (std::size_t begin = 0; begin < missing.size(); begin += part) {
      const auto from = missing.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto size = std::min(part, missing.size() - begin);
      compute_part(ImageIds(from, from + static_cast<std::ptrdiff_t>(size)));
    }
  }

  /// All images in one pass, whatever is there.
  void compute_anew() {
    std::fill(views_seen_.begin(), views_seen_.end(), 0U);
    collected_.from_cache = 0;
    collected_.skipped.clear();
    compute_together(ids_);
  }

  /// All views of some images.
  void compute_part(const ImageIds& part) {
    if (part.empty()) return;
    const PassSummary pass = run(views_.first, part, 0);
    collected_.skipped.insert(collected_.skipped.end(), pass.skipped.begin(), pass.skipped.end());
    announce_computed(pass.skipped.size());
    for (std::int64_t draw = 0; draw < views_.count; ++draw) run(*views_.draws, part, draw);
    if (views_.draws) finish_all(part);
  }

  PassSummary run(const data::Loader& loader, const ImageIds& part, std::int64_t epoch) {
    InferenceOptions options{.precision = precision_, .output = NetworkOutput::kFeatures, .epoch = epoch};
    const bool is_whole = is_alone() && part.size() == dataset_.size() && loader.phase() == data::Phase::kValid;
    if (!is_whole) options.ids = &part;  // a whole pass without any readable image is an error
    const PassSummary pass = for_each_batch(classifier_, loader, options, [&](BatchOutput& output) { add(output); });
    collected_.seconds += pass.seconds;
    return pass;
  }

  void add(BatchOutput& output) {
    const ImageIds& ids = output.batch.ids;
    const std::size_t first = slot_of(ids.front());
    const bool is_plain = views_seen_[first] == 0;
    torch::Tensor features = output.features;
    if (is_plain && views_.flip) {
      features = (features + features_of(classifier_, output.batch.images.flip({3}), precision_)) / 2;
    }
    std::vector<std::uint64_t> hashes;
    if (is_plain) hashes = hashes_of(output.batch.images, views_.first.pipeline().transforms().normalization);
    features = features.to(torch::kCPU).contiguous();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::size_t slot = slot_of(ids[i]);
      add_row({features.data_ptr<float>() + static_cast<std::int64_t>(i) * features.size(1), row(slot).size()}, slot);
      if (is_plain) collected_.hashes[slot] = hashes[i];
      if (!views_.draws) finish(slot);
    }
    if (!views_.draws) announce_computed(ids.size());
  }

  void add_row(std::span<const float> view, std::size_t slot) {
    const std::span<float> sum = row(slot);
    if (views_seen_[slot]++ == 0) {
      std::copy(view.begin(), view.end(), sum.begin());
    } else {
      std::transform(sum.begin(), sum.end(), view.begin(), sum.begin(), std::plus<>());
    }
  }

  void finish_all(const ImageIds& part) {
    const auto share = 1 / static_cast<float>(all_views());
    for (const std::size_t id : part) {
      const std::size_t slot = slot_of(id);
      if (views_seen_[slot] == 0) continue;
      if (views_seen_[slot] != all_views()) {
        throw core::DataError(dataset_.path(id), "can be read in one view and not in another; has it been changed?");
      }
      for (float& value : row(slot)) value *= share;
      finish(slot);
      announce_computed(1);
    }
  }

  void finish(std::size_t slot) {
    if (!cache_ || !keys_[slot].version) return;
    const std::uint64_t contents = dataset_.contents().of(ids_[slot]).value_or(0);
    cache_->keep(keys_[slot], {.row = row(slot), .hash = collected_.hashes[slot], .contents = contents});
  }

  /// The rows of the images that could be read.
  Features without_gaps() {
    std::vector<std::int64_t> readable;
    std::vector<std::uint64_t> hashes;
    for (std::size_t slot = 0; slot < ids_.size(); ++slot) {
      if (views_seen_[slot] == 0) continue;
      readable.push_back(static_cast<std::int64_t>(slot));
      hashes.push_back(collected_.hashes[slot]);
      collected_.ids.push_back(ids_[slot]);
    }
    if (readable.size() < ids_.size()) {
      collected_.rows = collected_.rows.index_select(0, torch::tensor(readable, torch::kLong));
      collected_.hashes = std::move(hashes);
    }
    return std::move(collected_);
  }

  std::uint32_t all_views() const { return static_cast<std::uint32_t>(1 + views_.count); }
  std::span<float> row(std::size_t slot) {
    const auto features = collected_.rows.size(1);
    return {collected_.rows.data_ptr<float>() + static_cast<std::int64_t>(slot) * features,
            static_cast<std::size_t>(features)};
  }
  std::size_t slot_of(std::size_t id) const {
    return static_cast<std::size_t>(std::lower_bound(ids_.begin(), ids_.end(), id) - ids_.begin());
  }
  /// Images that this process has done; the others are taken to be as fast.
  void announce_computed(std::size_t images) const { announce(images * static_cast<std::size_t>(group_.size())); }

  void announce(std::size_t images) const {
    if (count_ && images > 0) count_(images);
  }

  static constexpr std::int64_t kBatchesAtOnce = 16;

  model::Classifier& classifier_;
  collective::Group& group_;
  const data::Dataset& dataset_;
  const Views& views_;
  const ImageIds& ids_;  ///< ascending; an image's place among them is its slot
  model::Precision precision_;
  ImageCounter count_;
  std::unique_ptr<FeatureCache> cache_;
  std::vector<data::CacheKey> keys_;       ///< of each slot; empty without a cache
  std::vector<std::size_t> to_tell_;       ///< slots that other processes lack
  std::vector<std::uint32_t> views_seen_;  ///< of each slot; 0: not readable
  Features collected_;                     ///< by slots
};

/// At most `most` of the ids, evenly spread.
ImageIds spread(const ImageIds& ids, std::size_t most) {
  ImageIds chosen;
  const std::size_t count = std::min(most, ids.size());
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(ids[i * ids.size() / count]);
  return chosen;
}

}  // namespace

Features collect_features(model::Classifier& classifier, const data::Loader& loader, const FeatureOptions& options,
                          const ImageCounter& count) {
  core::validate(options);
  const model::Precision precision = model::resolve_precision(options.precision, classifier.device());
  const data::Loader plain = loader.plain();
  const Views views = averaged_views(plain, options);
  ImageIds all(plain.dataset().size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  Features features = FeatureCollector(classifier, views, all, precision, *options.group, count).collect(options);
  if (loader.dataset().num_classes() > 0) features.targets = data::batch_targets(loader.dataset(), features.ids);
  if (!options.with_changed_views) return features;

  constexpr std::size_t kChanged = 64;  // images; more would say no more, and cost
  const Views changed = changed_views(plain);
  const ImageIds sample = spread(features.ids, kChanged);
  Features views_of_sample = FeatureCollector(classifier, changed, sample, precision, *options.group).collect(options);
  features.changed = {views_of_sample.rows, views_of_sample.ids};
  features.seconds += views_of_sample.seconds;
  return features;
}

const core::OptionTable& FeatureOptions::fields() {
  static const core::OptionTable table(
      "features",
      {core::field<&FeatureOptions::average_flip>("average_flip",
                                                  "features are the mean of an image and its mirror image"),
       core::field<&FeatureOptions::average_draws>(
           "average_draws", "features are the mean also of so many augmented draws of the image", {0, 1000})});
  return table;
}

}  // namespace margay::predict
