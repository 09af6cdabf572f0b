#include "apps/studio/seen_images.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "apps/studio/image_id.h"
#include "apps/studio/option_form.h"
#include "apps/studio/thumbnails.h"
#include "apps/web/thumbnail.h"
#include "margay/core/text.h"
#include "margay/data/show_batch.h"
#include "margay/run/train_options.h"

namespace margay::studio {
namespace {

using SeenJson = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int kQuality = 90;

data::Transforms transforms_of(const SeenJson& given) {
  data::Transforms transforms = run::chapter5_transforms();
  core::from_json(given, transforms);
  core::validate(transforms);
  if (transforms.augment.size > SeenImages::kLargestInput) {
    throw std::invalid_argument(fmt::format("the page draws inputs of at most {} pixels; make `augment.size` smaller",
                                            SeenImages::kLargestInput));
  }
  return transforms;
}

SeenJson tile_json(const chart::Tile& tile) {
  return {{"caption", core::valid_utf8(tile.caption)},
          {"source", "data:image/jpeg;base64," +
                         web::thumbnail_of(tile.image, std::max(tile.image.height, tile.image.width), kQuality)}};
}

SeenJson tensor_json(const at::Tensor& values) {
  std::string type = c10::toString(values.scalar_type());
  return {{"type", core::lower_case(std::move(type))}, {"shape", values.sizes().vec()}};
}

/// Of the normalised pixels, by channel.
void add_statistics(const at::Tensor& pixels, SeenJson& json) {
  const auto list = [](const at::Tensor& values) {
    const at::Tensor flat = values.to(torch::kDouble).contiguous();
    return std::vector<double>(flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel());
  };
  json["mean"] = list(pixels.mean({0, 2, 3}));
  json["std"] = list(pixels.std(torch::IntArrayRef{0, 2, 3}, /*unbiased=*/false));
  json["low"] = pixels.min().item<double>();
  json["high"] = pixels.max().item<double>();
}

SeenJson skipped_json(const data::LoaderPass& pass) {
  SeenJson skipped = SeenJson::array();
  for (const data::SkippedImage& each : pass.skipped()) skipped.push_back(core::valid_utf8(each.problem));
  return skipped;
}

}  // namespace

SeenJson SeenImages::draws(const DrawOf& what, const SeenJson& transforms) {
  const data::ImagePipeline pipeline(transforms_of(transforms));
  const data::ReadOptions& reading = pipeline.read_options();
  const std::string key = fmt::format("{} {} {} {}", Thumbnails::version_of(what.file), reading.min_side,
                                      reading.deep_bits, what.file.string());
  std::shared_ptr<const core::Image> whole;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(wholes_.begin(), wholes_.end(), [&](const Whole& each) { return each.key == key; });
    if (found != wholes_.end()) whole = found->image;
  }
  if (!whole) {
    constexpr std::size_t kKept = 2;
    whole = std::make_shared<const core::Image>(data::read_image(what.file, reading));
    const std::lock_guard lock(mutex_);
    wholes_.push_front({key, whole});
    if (wholes_.size() > kKept) wholes_.pop_back();
  }
  SeenJson images = SeenJson::array();
  for (const chart::Tile& tile : data::draw_tiles(pipeline, *whole, "", what.draws, what.seed)) {
    images.push_back(tile_json(tile));
  }
  return {{"seed", what.seed}, {"size", pipeline.output_size()}, {"images", images}};
}

SeenJson SeenImages::form() { return form_of(run::chapter5_transforms()); }

run::BatchOptions batch_options(const fs::path& folder, const run::DataOptions& data, const SeenJson& given) {
  run::BatchOptions options;
  core::from_json(given, options);
  options.folder = folder;
  options.data = data;
  core::validate(options);
  core::check_rules(options);
  if (options.transforms.augment.size > SeenImages::kLargestInput) {
    throw std::invalid_argument(fmt::format("the page draws inputs of at most {} pixels; make `augment.size` smaller",
                                            SeenImages::kLargestInput));
  }
  return options;
}

SeenJson first_batch(const run::BatchOptions& options, const fs::path& cache, std::int64_t epoch) {
  const data::Loaders loaders = run::make_loaders(options, cache);
  data::LoaderPass pass = loaders.train.pass(epoch);
  const std::optional<data::Batch> batch = pass.next();
  if (!batch) throw core::DataError(options.folder, "no batch can be made of its images");
  SeenJson images = SeenJson::array();
  const auto tiles = data::batch_tiles(*batch, loaders.vocabulary, loaders.transforms().normalization,
                                       static_cast<int>(batch->size()));
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    SeenJson image = tile_json(tiles[i]);
    const fs::path path = loaders.train.dataset().path(batch->ids[i]);
    image["id"] = image_id(path.lexically_relative(options.folder));
    images.push_back(image);
  }
  SeenJson json = {
      {"images", images}, {"pixels", tensor_json(batch->images)}, {"targets", tensor_json(batch->targets)}};
  add_statistics(batch->images, json["pixels"]);
  json["skipped"] = skipped_json(pass);
  json["warnings"] = loaders.warnings;
  json["epoch"] = epoch;
  return json;
}

SeenJson batch_summary(const run::BatchOptions& options, const fs::path& cache) {
  const data::Summary summary = run::make_block(options).summary(run::loader_options(options, cache));
  SeenJson steps = SeenJson::array();
  for (const data::SummaryStep& step : summary.steps) {
    steps.push_back({{"stage", step.stage}, {"before", step.before}, {"after", step.after}, {"details", step.details}});
  }
  SeenJson json = {{"steps", steps}, {"warnings", summary.warnings}, {"failure", nullptr}};
  if (summary.failure) {
    json["failure"] = {{"stage", summary.failure->stage},
                       {"file", summary.failure->file},
                       {"input", summary.failure->input},
                       {"problem", summary.failure->problem},
                       {"remedy", summary.failure->remedy}};
  }
  return json;
}

}  // namespace margay::studio
