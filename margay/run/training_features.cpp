#include "margay/run/training_features.h"

#include <algorithm>
#include <utility>

#include "margay/bundle/bundle.h"
#include "margay/core/threads.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/loader/loader.h"
#include "margay/model/precision.h"
#include "margay/predict/features.h"
#include "margay/run/evaluation_set.h"

namespace margay::run {
namespace {

data::Loader feature_loader(const bundle::Bundle& bundle, const std::shared_ptr<const data::Dataset>& images) {
  data::LoaderOptions loading{.batch_size = 32};
  loading.num_workers = std::min(core::default_threads(), static_cast<int>(std::min<std::size_t>(images->size(), 512)));
  return {images, data::ImagePipeline(bundle.transforms), data::Phase::kValid, loading};
}

}  // namespace

TrainingFeatures::TrainingFeatures(const std::filesystem::path& model, const Options& options,
                                   const OnProgress& on_progress) {
  const bundle::Bundle bundle = bundle::load_bundle(model);
  bundle.classifier->to(model::find_device(options.device));
  const EvaluationSet set({.folder = options.folder, .part = JudgedPart::kTrain}, bundle, model);
  images_ = set.images();
  vocabulary_ = bundle.vocabulary.names();
  reason_ = set.reason();
  warnings_ = set.warnings();
  const auto total = static_cast<std::int64_t>(images_->size());
  const predict::Features features = predict::collect_features(*bundle.classifier, feature_loader(bundle, images_),
                                                               {.cache_folder = options.cache_folder},
                                                               [&, done = std::int64_t{0}](std::size_t images) mutable {
                                                                 done += static_cast<std::int64_t>(images);
                                                                 if (on_progress) on_progress(done, total);
                                                               });
  warnings_.insert(warnings_.end(), features.warnings.begin(), features.warnings.end());
  for (const data::SkippedImage& image : features.skipped) warnings_.push_back("left out " + image.problem);
  ids_ = features.ids;
  from_cache_ = features.from_cache;
  if (!ids_.empty()) nearest_ = predict::NearestImages(features.rows);
}

std::vector<TrainingExample> TrainingFeatures::nearest(const torch::Tensor& features, std::size_t count) const {
  std::vector<TrainingExample> examples;
  for (const predict::NearImage& near : nearest_.nearest(features, count)) {
    const std::size_t id = ids_[static_cast<std::size_t>(near.row)];
    TrainingExample example{.image = images_->path(id), .labels = {}, .similarity = near.similarity};
    for (const std::int64_t label : images_->classes(id)) {
      example.labels.push_back(vocabulary_[static_cast<std::size_t>(label)]);
    }
    examples.push_back(std::move(example));
  }
  return examples;
}

}  // namespace margay::run
