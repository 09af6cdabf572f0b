#include "apps/cli/train_options.h"

#include <cstdlib>
#include <stdexcept>

#include "margay/data/measure_normalization.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/weights_cache.h"
#include "margay/train/recipe/recipe_text.h"
#include "margay/train/recipe/recipes.h"

namespace margay::cli {

std::filesystem::path user_cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");  // NOLINT(concurrency-mt-unsafe): nothing sets it meanwhile
  if (cache != nullptr && *cache != '\0') return std::filesystem::path(cache) / "margay";
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  if (home != nullptr && *home != '\0') return std::filesystem::path(home) / ".cache" / "margay";
  throw std::invalid_argument(
      "[cli] there is no home folder for a cache; name one with --cache-folder, or the file of --weights");
}

std::filesystem::path resolve_weights(const std::filesystem::path& weights, const std::string& architecture) {
  if (weights != model::kCachedWeights) return weights;
  return model::find_weights(user_cache_folder() / "weights", model::find_architecture(architecture));
}

namespace {

bool is_imagenets(const data::Normalization& normalization) {
  return core::to_json(normalization) == core::to_json(data::imagenet_normalization());
}

}  // namespace

data::DataBlock make_block(const BatchOptions& options) {
  data::DataBlock block = make_block(options.folder, options.data);
  block.item_transform(data::resize(options.transforms.resize))
      .batch_transform(data::augment(options.transforms.augment))
      .normalize(options.transforms.normalization);
  if (options.statistics != Statistics::kMeasured) return block;
  if (!is_imagenets(options.transforms.normalization)) {
    throw std::invalid_argument("[batch] --statistics measured and --mean or --std both say the statistics; give one");
  }
  const data::PicturePipeline pipeline(block.recipe(), options.loader.max_pixels);
  return block.normalize(data::measure_normalization(*block.datasets().train, pipeline));
}

data::LoaderOptions loader_options(const BatchOptions& options) {
  data::LoaderOptions loader = options.loader;
  if (loader.cache == data::CacheKind::kDisk && loader.cache_folder.empty()) loader.cache_folder = user_cache_folder();
  return loader;
}

data::Loaders make_loaders(const BatchOptions& options) { return make_block(options).loaders(loader_options(options)); }

void normalise_as_published(BatchOptions& options, const std::string& architecture) {
  data::Normalization& normalization = options.transforms.normalization;
  if (options.statistics != Statistics::kPublished || !is_imagenets(normalization)) return;
  normalization = train::published_normalization(architecture);
}

train::Stages recipe_of(const TrainOptions& options) {
  if (!options.recipe.empty()) return train::parse_recipe(options.recipe);
  if (!options.vision_learner.weights.empty()) return train::fine_tune_recipe(options.epochs, options.fine_tune);
  return train::one_cycle_recipe(options.epochs, options.fine_tune.base_lr);
}

}  // namespace margay::cli
