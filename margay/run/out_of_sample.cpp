#include "margay/run/out_of_sample.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "margay/bundle/bundle.h"
#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/stopwatch.h"
#include "margay/core/text.h"
#include "margay/data/source/names.h"
#include "margay/data/source/splits.h"
#include "margay/metric/temperature.h"
#include "margay/predict/inference.h"
#include "margay/run/evaluation_set.h"
#include "margay/run/given_probabilities.h"
#include "margay/run/probe_run.h"
#include "margay/train/callback/callback.h"
#include "margay/train/recipe/recipe_text.h"
#include "margay/train/vision_learner.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using Positions = std::vector<std::size_t>;

/// Both sides of a split in one, in the order of the images. validates: of each of them.
Positions joined_sides(const data::Split& split, std::vector<bool>& validates) {
  Positions rows = split.train;
  rows.insert(rows.end(), split.valid.begin(), split.valid.end());
  std::sort(rows.begin(), rows.end());
  Positions valid = split.valid;
  std::sort(valid.begin(), valid.end());
  validates.clear();
  for (const std::size_t row : rows) validates.push_back(std::binary_search(valid.begin(), valid.end(), row));
  return rows;
}

BatchOptions batch_options(const LabelCheckOptions& options, const data::Transforms& transforms) {
  BatchOptions batch{.folder = options.folder, .data = options.data, .transforms = transforms};
  batch.transforms.augment.size = options.size;
  batch.transforms.deep_bits = options.deep_bits;
  batch.loader.batch_size = options.batch_size;
  batch.loader.max_pixels = options.max_pixels;
  batch.loader.seed = options.judge.seed;
  return batch;
}

std::shared_ptr<const data::Dataset> shared_dataset(const data::Loader& loader) {
  return std::make_shared<data::Dataset>(loader.dataset());
}

/// What is known before anything is predicted.
OutOfSample begun(const JoinedImages& images) {
  const data::Loader& loader = images.loaders.train;
  return {.dataset = shared_dataset(loader),
          .vocabulary = images.loaders.vocabulary,
          .root = images.loaders.root,
          .validates = images.validates,
          .reading = {.max_pixels = loader.pipeline().read_options().max_pixels,
                      .deep_bits = loader.pipeline().transforms().deep_bits},
          .edits = images.loaders.edits};
}

void tell_of_skipped(const std::vector<data::SkippedImage>& skipped, OutOfSample& result) {
  if (skipped.empty()) return;
  result.warnings.push_back(fmt::format("{} could not be read and {} not judged",
                                        core::counted(skipped.size(), "image", "images"),
                                        skipped.size() == 1 ? "was" : "were"));
}

/// int64 [N], of these images; undefined where the data set has no groups.
torch::Tensor groups_of(const data::Dataset& dataset, const Positions& ids) {
  if (dataset.size() == 0 || !dataset.group(0)) return {};
  std::vector<std::int64_t> groups;
  for (const std::size_t id : ids) groups.push_back(*dataset.group(id));
  return torch::tensor(groups, torch::kLong);
}

// --- A probe.

train::ProbeOptions left_out_options(const LabelJudgeOptions& options) {
  return {.learning_curve = false, .seed = options.seed, .grouping = options.grouping};
}

constexpr const char* kOneClass =
    "all labels are of one class, so there is nothing to tell apart and no label can be judged";

std::string probe_source(const std::string& network, const predict::ImageGroups& groups) {
  const char* others = groups.kind == predict::Grouping::kGiven ? " and its group" : " and its near copies";
  return fmt::format(
      "left-out outputs of a linear classifier on features of {}: each image is judged by the exact fit without it{}",
      network, groups.largest > 1 ? others : "");
}

void take_features(predict::Features& features, OutOfSample& result) {
  result.ids = std::move(features.ids);
  result.targets = features.targets;
  result.features = features.rows;
  tell_of_skipped(features.skipped, result);
}

void take_probe(train::Probe& probe, OutOfSample& result) {
  result.probabilities = probe.result.left_out.probabilities;
  result.groups = probe.train_groups.of_image;
  result.are_groups_copies = probe.train_groups.kind == predict::Grouping::kNearCopies;
  take_features(probe.train, result);
}

/// Features of images of one class, for copies and outliers.
void take_unjudged(predict::Features features, OutOfSample& result) {
  take_features(features, result);
  result.source = std::string("nothing: ") + kOneClass;
  result.warnings.push_back(kOneClass);
}

ProbeRunOptions probe_options_of(const LabelCheckOptions& options, const fs::path& cache_folder) {
  ProbeRunOptions probe{.arch = options.arch,
                        .batch = batch_options(options, probe_transforms()),
                        .network = options.network,
                        .probe = left_out_options(options.judge),
                        .keep_features = options.keep_features};
  if (probe.network.weights.empty()) throw NoWeightsError(from_scratch(options.arch, cache_folder));
  probe.network.weights = resolve_weights(probe.network.weights, options.arch, cache_folder);
  return probe;
}

bool has_one_class(const data::Dataset& dataset) {
  const std::string first = dataset.label(0);
  for (std::size_t i = 1; i < dataset.size(); ++i) {
    if (dataset.label(i) != first) return false;
  }
  return true;
}

OutOfSample by_probe(const LabelCheckOptions& options, const fs::path& cache_folder, Observer& observer) {
  std::optional<JoinedImages> images;
  const auto make = [&](const BatchOptions& batch, const fs::path& cache) {
    images.emplace(joined_images(make_block(batch), loader_options(batch, cache)));
    images->loaders.root = batch.folder;
    return images->loaders;
  };
  ProbeNetwork network = load_probe_network(probe_options_of(options, cache_folder), cache_folder, observer, make);
  OutOfSample result = begun(*images);
  result.seconds = network.seconds;
  if (has_one_class(network.loaders.train.dataset())) {
    const core::Stopwatch watch;
    take_unjudged(collect_probe_features(network, cache_folder, observer), result);
    result.seconds.push_back({"features", watch.seconds()});
    return result;
  }
  FittedProbe fitted = fit_probe_network(network, cache_folder, observer);
  result.source = probe_source(options.arch, fitted.probe.train_groups);
  result.seconds.insert(result.seconds.end(), fitted.seconds.begin(), fitted.seconds.end());
  take_probe(fitted.probe, result);
  return result;
}

// --- Trainings, one a fold.

TrainOptions train_options_of(const LabelCheckOptions& options, const fs::path& cache_folder) {
  TrainOptions train{.arch = options.arch,
                     .epochs = options.epochs,
                     .recipe = options.recipe,
                     .batch = batch_options(options, chapter5_transforms())};
  const data::Transforms usual = chapter5_transforms();  // presizing stays as much larger than the network's input
  train.batch.transforms.resize.size = std::max(8, usual.resize.size * options.size / usual.augment.size);
  train.vision_learner.weights = resolve_weights(options.network.weights, options.arch, cache_folder);
  train.vision_learner.weights_sha256 = options.network.weights_sha256;
  train.vision_learner.arithmetic = options.network.arithmetic;
  train.vision_learner.seed = options.judge.seed;
  train.vision_learner.learner.precision = options.network.precision;
  train.vision_learner.learner.device = options.network.device;
  return with_probe_head(std::move(train));
}

/// The images of a data set, and the groups that it has.
class FoldImages {
 public:
  explicit FoldImages(const data::Dataset& dataset) : items_(dataset.task()) {
    for (std::size_t i = 0; i < dataset.size(); ++i) {
      items_.add(dataset.image(i), labels_of(dataset, i));
      const auto group = dataset.group(i);
      if (group) group_of_path_.try_emplace(dataset.path(i).string(), *group);
    }
  }

  bool has_groups() const { return !group_of_path_.empty(); }

  /// Positions in the data set. fold: from 1.
  data::Split fold(std::int64_t fold, std::int64_t folds, std::uint64_t seed) const {
    const data::FoldOptions options{.fold = fold, .folds = folds, .seed = seed};
    if (!has_groups()) return data::stratified_fold_split(options)(items_);
    const data::Labeller groups{
        .description = "the groups", .label = [this](std::string_view path) {
          return std::optional(data::Labels{std::to_string(group_of_path_.at(std::string(path)))});
        }};
    return data::grouped_fold_split(groups, options)(items_);
  }

 private:
  static data::Labels labels_of(const data::Dataset& dataset, std::size_t i) {
    if (dataset.task() == data::Task::kSingleLabel) return {dataset.label(i)};
    data::Labels labels;
    for (const std::int64_t k : dataset.classes(i)) labels.push_back(std::to_string(k));  // only what is equal counts
    return labels;
  }

  data::Items items_;
  std::unordered_map<std::string, std::int64_t> group_of_path_;
};

/// One training after the other, each predicting the part that it did not have.
class FoldTrainings {
 public:
  FoldTrainings(const LabelCheckOptions& options, const fs::path& cache_folder, Observer& observer)
      : options_(options),
        train_(train_options_of(options, cache_folder)),
        cache_folder_(cache_folder),
        observer_(observer) {
    train::VisionLearnerOptions& network = train_.vision_learner;
    weights_ = follow_weights(train_.batch, {network.weights, network.weights_sha256}, network.arithmetic, options.arch,
                              observer);
  }

  OutOfSample run() {
    const core::Stopwatch watch;
    const JoinedImages images = joined_images(make_block(train_.batch), loader_options(train_.batch, cache_folder_));
    for (const std::string& warning : images.loaders.warnings) observer_.warned(warning);
    OutOfSample result = begun(images);
    result.root = options_.folder;
    if (has_one_class(*result.dataset)) throw core::DataError(options_.folder, kOneClass);
    if (train_.vision_learner.weights.empty())
      observer_.trains_from_scratch(from_scratch(options_.arch, cache_folder_));
    const FoldImages parts(*result.dataset);
    const std::int64_t folds = *options_.folds;
    std::vector<predict::Predictions> predictions;
    for (std::int64_t fold = 1; fold <= folds; ++fold) {
      observer_.repeated(fold, folds, train_.vision_learner.seed);
      predictions.push_back(predict_fold(parts.fold(fold, folds, options_.judge.seed), images.loaders.vocabulary));
    }
    take(predict::joined(predictions), result);
    result.source = fmt::format("{} trainings of {}, each predicting a part that it did not have; parts are drawn {}",
                                folds, options_.arch, parts.has_groups() ? "by whole groups" : "by class");
    result.groups = groups_of(*result.dataset, result.ids);
    result.seconds.push_back({"trainings", watch.seconds()});
    return result;
  }

 private:
  /// ids: positions in the joined data set.
  predict::Predictions predict_fold(data::Split fold, const data::Vocabulary& vocabulary) {
    data::DataBlock block = make_block(train_.batch);
    const data::Splitter splitter = block.splitter();
    block.vocabulary(vocabulary).split([&](const data::Items& items) {
      std::vector<bool> validates;
      const Positions rows = joined_sides(splitter(items), validates);
      data::Split split;
      for (const std::size_t i : fold.train) split.train.push_back(rows[i]);
      for (const std::size_t i : fold.valid) split.valid.push_back(rows[i]);
      return split;
    });
    train::Learner learner = train::vision_learner(block.loaders(loader_options(train_.batch, cache_folder_)),
                                                   options_.arch, train_.vision_learner, weights_);
    for (const auto& callback : observer_.callbacks()) learner.add_callback(callback);
    learner.add_callback(std::make_shared<train::StopWhen>([this] { return observer_.is_stop_wanted(); }));
    learner.run(recipe_of(train_));
    predict::Predictions predictions = learner.get_preds();
    for (std::size_t& id : predictions.ids) id = fold.valid[id];
    return predictions;
  }

  /// With one temperature for all, fitted to all: one number of thousands of images.
  void take(predict::Predictions predictions, OutOfSample& result) const {
    const data::Task task = result.dataset->task();
    const metric::Activation activation = predict::activation_of(task);
    const double temperature =
        metric::fit_temperature({.logits = predictions.logits, .targets = predictions.targets}, activation)
            .temperature();
    predictions.set_logits(torch::Tensor(predictions.logits), activation, temperature);
    result.probabilities = predictions.probabilities;
    result.targets = predictions.targets;
    result.ids = std::move(predictions.ids);
    tell_of_skipped(predictions.skipped, result);
  }

  const LabelCheckOptions& options_;
  TrainOptions train_;
  fs::path cache_folder_;
  Observer& observer_;
  std::optional<model::PretrainedFile> weights_;
};

// --- A table.

torch::Tensor targets_of(const data::Dataset& dataset) {
  if (dataset.task() == data::Task::kSingleLabel) {
    std::vector<std::int64_t> targets;
    for (std::size_t i = 0; i < dataset.size(); ++i) targets.push_back(dataset.target(i));
    return torch::tensor(targets, torch::kLong);
  }
  torch::Tensor targets = torch::zeros({static_cast<std::int64_t>(dataset.size()), dataset.num_classes()});
  auto rows = targets.accessor<float, 2>();
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    for (const std::int64_t k : dataset.classes(i)) rows[static_cast<std::int64_t>(i)][k] = 1;
  }
  return targets;
}

OutOfSample by_table(const LabelCheckOptions& options, const fs::path& cache_folder, Observer& observer) {
  const GivenProbabilities given = read_probabilities(options.probabilities);
  const BatchOptions batch = batch_options(options, probe_transforms());
  const JoinedImages images = joined_images(make_block(batch), loader_options(batch, cache_folder));
  for (const std::string& warning : images.loaders.warnings) observer.warned(warning);
  OutOfSample result = begun(images);
  result.root = options.folder;
  MatchedProbabilities matched = match_probabilities(given, *result.dataset, result.vocabulary, options.folder);
  if (!matched.warning.empty()) result.warnings.push_back(matched.warning);
  result.ids.resize(result.dataset->size());
  std::iota(result.ids.begin(), result.ids.end(), std::size_t{0});
  result.targets = targets_of(*result.dataset);
  result.probabilities = matched.rows;
  result.groups = groups_of(*result.dataset, result.ids);
  result.source =
      fmt::format("the probabilities in {}; that they come from models that did not see the images is taken on trust",
                  core::shown_path(options.probabilities));
  return result;
}

// --- A model.

/// The rows that the model was not trained on.
std::vector<std::int64_t> untrained_rows(const predict::Predictions& predictions, const EvaluationSet& set) {
  std::vector<std::int64_t> rows;
  for (std::size_t row = 0; row < predictions.ids.size(); ++row) {
    if (!set.has_trained(predictions.ids[row])) rows.push_back(static_cast<std::int64_t>(row));
  }
  return rows;
}

/// Counts images, and ends the work where the observer wants it.
predict::ImageCounter counter(Observer& observer, std::size_t total, std::size_t& done) {
  return [&observer, total, &done](std::size_t images) {
    if (observer.is_stop_wanted()) throw core::Interrupted("stopped while predicting");
    done += images;
    observer.progressed("model", static_cast<std::int64_t>(done), static_cast<std::int64_t>(total), "");
  };
}

predict::Predictions predictions_of(const bundle::Bundle& bundle, const EvaluationSet& set,
                                    const LabelCheckOptions& options, Observer& observer) {
  bundle.classifier->to(model::find_device(options.network.device));
  const data::Loader loader(set.images(), data::ImagePipeline(bundle.transforms, options.max_pixels),
                            data::Phase::kValid, {.batch_size = options.batch_size, .max_pixels = options.max_pixels});
  const predict::InferenceOptions inference{
      .activation = predict::activation_of(bundle.task),
      .temperature = bundle.calibration.temperature,
      .precision = model::resolve_precision(options.network.precision, bundle.classifier->device()),
      .output = predict::NetworkOutput::kLogitsAndFeatures};
  std::size_t done = 0;
  predict::Predictions predictions = predict::collect_predictions(*bundle.classifier, loader, inference,
                                                                  counter(observer, set.images()->size(), done));
  observer.progress_ended();
  return predictions;
}

/// What a model says of images that it was trained on says nothing of their labels. Throws core::DataError where these
/// are all of them.
void tell_of_trained(const LabelCheckOptions& options, const bundle::Bundle& bundle, std::size_t trained,
                     std::size_t all, OutOfSample& result) {
  if (trained == all) {
    throw core::DataError(options.folder,
                          fmt::format("{} was trained on all {} images, so it repeats their labels, right or wrong; "
                                      "without `model` a probe judges every image without it, or use `folds`",
                                      core::shown_path(options.model), all));
  }
  if (trained > 0) {
    result.warnings.push_back(fmt::format(
        "the model was trained on {} of the {} images and repeats their labels, right or wrong: they are not judged; "
        "without `model` a probe judges every image",
        trained, all));
  }
  if (bundle.known_images.empty()) {
    result.warnings.push_back(
        "the model does not know the images that it was trained on; if these are among them it repeats their labels, "
        "right or wrong, and finds next to none of the wrong ones");
  }
}

OutOfSample by_model(const LabelCheckOptions& options, Observer& observer) {
  const core::Stopwatch watch;
  const bundle::Bundle bundle = bundle::load_bundle(options.model);
  const EvaluationSet set({.folder = options.folder, .part = JudgedPart::kAll, .data = options.data}, bundle,
                          options.model);
  OutOfSample result{.dataset = set.images(),
                     .vocabulary = bundle.vocabulary,
                     .root = options.folder,
                     .validates = std::vector<bool>(set.images()->size()),
                     .reading = {.max_pixels = options.max_pixels, .deep_bits = bundle.transforms.deep_bits},
                     .warnings = set.warnings()};
  const predict::Predictions predictions = predictions_of(bundle, set, options, observer);
  tell_of_skipped(predictions.skipped, result);
  const std::vector<std::int64_t> rows = untrained_rows(predictions, set);
  tell_of_trained(options, bundle, predictions.ids.size() - rows.size(), predictions.ids.size(), result);
  const torch::Tensor index = torch::tensor(rows, torch::kLong);
  for (const std::int64_t row : rows) result.ids.push_back(predictions.ids[static_cast<std::size_t>(row)]);
  result.targets = predictions.targets.index_select(0, index);
  result.probabilities = predictions.probabilities.index_select(0, index);
  result.features = predictions.features.index_select(0, index);
  result.source = fmt::format("{}, of images that it was not trained on", core::shown_path(options.model));
  result.seconds.push_back({"predictions", watch.seconds()});
  return result;
}

}  // namespace

JoinedImages joined_images(data::DataBlock block, const data::LoaderOptions& options) {
  std::vector<bool> validates;
  const data::Splitter splitter = block.splitter();
  block.expects_no_validation().split([&](const data::Items& items) {
    return data::Split{.train = joined_sides(splitter(items), validates), .valid = {}};
  });
  data::Loaders loaders = block.loaders(options);
  return {.loaders = std::move(loaders), .validates = std::move(validates)};
}

OutOfSample out_of_sample(const LabelCheckOptions& options, const fs::path& cache_folder, Observer& observer) {
  if (!options.probabilities.empty()) return by_table(options, cache_folder, observer);
  if (!options.model.empty()) return by_model(options, observer);
  if (options.folds) return FoldTrainings(options, cache_folder, observer).run();
  return by_probe(options, cache_folder, observer);
}

OutOfSample left_out_of_probe(const data::DataBlock& block, model::Classifier& classifier,
                              const LabelJudgeOptions& options) {
  const core::Stopwatch watch;
  const JoinedImages images = joined_images(block, {.seed = options.seed});
  OutOfSample result = begun(images);
  if (has_one_class(*result.dataset)) {
    take_unjudged(predict::collect_features(classifier, images.loaders.train), result);
    return result;
  }
  train::Probe probe = train::probe(images.loaders, classifier, left_out_options(options));
  result.source = probe_source(classifier.options().architecture, probe.train_groups);
  take_probe(probe, result);
  result.seconds.push_back({"probe", watch.seconds()});
  return result;
}

}  // namespace margay::run
