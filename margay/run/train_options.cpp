#include "margay/run/train_options.h"

#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "margay/data/image_pipeline.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/pretrained.h"
#include "margay/run/choose_architecture.h"
#include "margay/train/recipe/recipe_text.h"
#include "margay/train/recipe/recipes.h"

namespace margay::run {

namespace {

constexpr const char* kNoCacheFolder =
    "[train] there is no home folder for a cache; name one with `cache_folder`, or the file of `weights`";

}  // namespace

std::filesystem::path resolve_weights(const std::filesystem::path& weights, const std::string& architecture,
                                      const std::filesystem::path& cache_folder) {
  if (weights != model::kCachedWeights) return weights;
  if (cache_folder.empty()) throw std::invalid_argument(kNoCacheFolder);
  return model::find_weights(cache_folder / "weights", model::find_architecture(architecture));
}

FromScratch from_scratch(const std::string& arch, const std::filesystem::path& cache_folder) {
  FromScratch what{.arch = arch};
  if (arch == kAutoArch) return what;
  const model::Architecture& architecture = model::find_architecture(arch);
  what.weights_url = architecture.weights_url;
  if (cache_folder.empty()) return what;
  const std::filesystem::path folder = cache_folder / "weights";
  what.place = model::look_up_weights(folder, architecture);
  what.is_in_cache = !what.place.empty();
  if (!what.is_in_cache && !what.weights_url.empty()) what.place = model::place_for_weights(folder, architecture);
  return what;
}

namespace {

bool is_imagenets(const data::Normalization& normalization) {
  return core::to_json(normalization) == core::to_json(data::imagenet_normalization());
}

}  // namespace

data::DataBlock make_block(const BatchOptions& options) {
  data::DataBlock block = make_block(options.folder, options.data);
  block.deep_bits(options.transforms.deep_bits)
      .item_transform(data::resize(options.transforms.resize))
      .batch_transform(data::augment(options.transforms.augment))
      .normalize(options.transforms.normalization);
  if (options.statistics != Statistics::kMeasured) return block;
  if (!is_imagenets(options.transforms.normalization)) {
    throw std::invalid_argument("[batch] `statistics` measured and `mean` or `std` both set the statistics; give one");
  }
  const data::ImagePipeline pipeline(block.transforms(), options.loader.max_pixels);
  return block.normalize(data::measure_normalization(*block.datasets().train, pipeline));
}

data::LoaderOptions loader_options(const BatchOptions& options, const std::filesystem::path& cache_folder) {
  data::LoaderOptions loader = options.loader;
  if (loader.cache != data::CacheKind::kDisk || !loader.cache_folder.empty()) return loader;
  if (cache_folder.empty()) throw std::invalid_argument(kNoCacheFolder);
  loader.cache_folder = cache_folder;
  return loader;
}

data::Loaders make_loaders(const BatchOptions& options, const std::filesystem::path& cache_folder) {
  data::Loaders loaders = make_block(options).loaders(loader_options(options, cache_folder));
  loaders.root = options.folder;
  return loaders;
}

data::Datasets datasets_of(const data::Loaders& loaders) {
  const auto share = [](const data::Dataset& dataset) { return std::make_shared<data::Dataset>(dataset); };
  return {.train = share(loaders.train.dataset()),
          .valid = share(loaders.valid ? loaders.valid->dataset() : data::Dataset::unlabelled({})),
          .vocabulary = loaders.vocabulary};
}

namespace {

/// Where they are the user's, what they overrule is named.
void take_normalization(BatchOptions& batch, const model::PublishedForm& form, Observer& observer) {
  data::Normalization& used = batch.transforms.normalization;
  const data::Normalization published{form.mean, form.std};
  if (core::to_json(used) == core::to_json(published)) return;
  if (batch.statistics == Statistics::kPublished && is_imagenets(used)) {
    used = published;
  } else if (batch.statistics != Statistics::kPublished) {
    observer.warned(fmt::format("`statistics` {} overrules those of the weights: mean {:.4g}, std {:.4g}",
                                core::to_text(batch.statistics), fmt::join(form.mean, ","), fmt::join(form.std, ",")));
  } else {
    observer.warned(fmt::format("`mean` and `std` overrule those of the weights: mean {:.4g}, std {:.4g}",
                                fmt::join(form.mean, ","), fmt::join(form.std, ",")));
  }
}

}  // namespace

std::optional<model::PretrainedFile> follow_weights(BatchOptions& batch, const GivenWeights& weights,
                                                    std::optional<model::Arithmetic>& arithmetic,
                                                    const std::string& architecture, Observer& observer) {
  if (weights.path.empty()) return std::nullopt;
  const model::Architecture& known = model::find_architecture(architecture);
  model::PretrainedFile file = model::read_pretrained(weights.path, known, weights.sha256);
  const model::PublishedForm form = train::published_form(architecture, file, arithmetic);
  if (!form.is_usual(known)) observer.recognised_weights(model::form_text(form));
  for (const std::string& warning : form.warnings) observer.warned(warning);
  arithmetic = form.arithmetic;
  take_normalization(batch, form, observer);
  return file;
}

train::Stages recipe_of(const TrainOptions& options) {
  if (!options.recipe.empty()) return train::parse_recipe(options.recipe);
  if (options.init_head == InitHead::kProbe) return train::probe_recipe(options.epochs, options.probe_tune);
  if (!options.vision_learner.weights.empty()) return train::fine_tune_recipe(options.epochs, options.fine_tune);
  return train::one_cycle_recipe(options.epochs, options.fine_tune.base_lr);
}

bool begins_at_probe(const TrainOptions& options) { return train::begins_with_probe(recipe_of(options)); }

namespace {

/// What is not said by the rules of TrainOptions: a probe may also come from the recipe's text.
void check_probe_options(const TrainOptions& options) {
  const auto refuse = [](const char* problem) { throw std::invalid_argument(std::string("[train] ") + problem); };
  if (options.vision_learner.weights.empty()) {
    refuse("a probe needs a network that knows something: give `weights`, or train with `init_head` random");
  }
  if (options.listeners.swa) {
    refuse("`swa` measures the batch norms anew, which a probe's head was not fitted for; `ema` keeps them");
  }
  if (options.listeners.reduce_on_plateau) {
    refuse("`reduce_on_plateau` sets the learning rates, and so does the guard of a training from a probe; give one");
  }
}

}  // namespace

TrainOptions with_probe_head(TrainOptions options) {
  const bool is_guarded = begins_at_probe(options);
  if (!is_guarded && core::to_json(options.tuning_guard) != core::to_json(train::TuningGuardOptions{})) {
    throw std::invalid_argument("[train] `keep` and `guard_checks` are for a training from a probe (`init_head`)");
  }
  if (!is_guarded) return options;
  check_probe_options(options);
  model::HeadOptions& head = options.vision_learner.head;
  const bool is_usual = core::to_json(head) == core::to_json(model::HeadOptions{});
  if (!is_usual && head.kind != model::HeadKind::kLinear) {
    throw std::invalid_argument("[train] a probe gives a linear head its weights; `head.kind` must be linear");
  }
  head.kind = model::HeadKind::kLinear;
  if (head.dropout == model::HeadOptions{}.dropout) head.dropout = {0};  // it would drop what the probe has weighed
  return options;
}

const core::OptionTable& BatchOptions::fields() {
  static const core::OptionTable table(
      "batch", {core::field<&BatchOptions::folder>("folder", "the images"),
                core::field<&BatchOptions::data>("data", "labels and split"),
                core::field<&BatchOptions::transforms>(
                    "transforms", "what happens to pixels",
                    {core::of_inner("mean", core::excludes({"statistics=measured"}, "the statistics")),
                     core::of_inner("std", core::excludes({"statistics=measured"}, "the statistics"))}),
                core::field<&BatchOptions::statistics>(
                    "statistics",
                    "which mean and std normalise: published (those of the weights, or `mean` and `std`), imagenet, or "
                    "measured (those of the training images)"),
                core::field<&BatchOptions::loader>("loader", "batches")});
  return table;
}

const core::OptionTable& CheckpointOptions::fields() {
  static const core::OptionTable table(
      "checkpoints", {core::field<&CheckpointOptions::keep_checkpoints>(
                          "keep_checkpoints", "how many of the newest checkpoints to keep", {1, 1e6}),
                      core::field<&CheckpointOptions::checkpoint_minutes>(
                          "checkpoint_minutes", "write one at least this often, and after every epoch", {0, 1e6})});
  return table;
}

const core::OptionTable& TrainOptions::fields() {
  static const core::OptionTable table(
      "train",
      {core::field<&TrainOptions::name>("name", "name of the run"),
       core::field<&TrainOptions::runs>("runs", "folder where runs are kept"),
       core::field<&TrainOptions::arch>("arch",
                                        "network: a name of `architectures`, also with one of its sets of weights as "
                                        "resnet50.tv2_in1k, or auto: the "
                                        "most accurate one whose epochs fit into `minutes`"),
       core::field<&TrainOptions::epochs>("epochs", "epochs with all layers training", {1, 1e6},
                                          {core::excludes({"recipe"})}),
       core::field<&TrainOptions::recipe>("recipe",
                                          "stages in place of fine-tuning, in the form of docs/guide/training.md"),
       core::field<&TrainOptions::lr>("lr", "auto: lr-find's valley becomes `base_lr` before training"),
       core::field<&TrainOptions::minutes>(
           "minutes", "train for this time instead of a number of epochs; schedules follow the time", {0.01, 1e6}),
       core::field<&TrainOptions::repeats>(
           "repeats", "train this many times, with consecutive seeds, and report the spread", {1, 1000}),
       core::field<&TrainOptions::group>("group", "what repeats of one command share in the list of runs"),
       core::field<&TrainOptions::launch>(
           "launch", "the start by a launcher that this run belongs to, which it goes on from when that starts anew"),
       core::field<&TrainOptions::eval_size>(
           "eval_size",
           "side of the images in validation and of the model's predictions, pixels; by default `size`. A quarter more "
           "makes up for training's crops",
           {8, 8192}),
       core::field<&TrainOptions::auto_batch_size>(
           "auto_batch_size", "use the largest batch that fits into memory instead of `batch_size`"),
       core::field<&TrainOptions::auto_batch>("auto_batch", "of `auto_batch_size`", {core::needs({"auto_batch_size"})}),
       core::field<&TrainOptions::batch>("batch", "the data",
                                         {core::of_inner("batch_size", core::excludes({"auto_batch_size"}))}),
       core::field<&TrainOptions::vision_learner>("vision_learner", "network and optimizer"),
       core::field<&TrainOptions::fine_tune>(
           "fine_tune", "the default recipe",
           {core::excludes({"recipe"}), core::excludes({"init_head=probe"}),
            core::of_inner("base_lr", core::excludes({"lr"})),
            core::of_inner("freeze_epochs", core::needs({"weights"})),
            core::of_inner("lr_mult", core::needs({"weights"})), core::of_inner("pct_start", core::needs({"weights"})),
            core::of_inner("div", core::needs({"weights"}))}),
       core::field<&TrainOptions::init_head>(
           "init_head",
           "where a pretrained network's head begins: random, or probe: at the closed form of `probe`, from which all "
           "layers train at low rates, and what is worse than the probe is not kept",
           {core::excludes({"recipe"}, "the stages"), core::excludes({"lr"}, "the rates")}),
       core::field<&TrainOptions::probe_tune>("probe_tune", "of `init_head` probe", {core::needs({"init_head=probe"})}),
       core::field<&TrainOptions::tuning_guard>("tuning_guard", "what watches a training from a probe"),
       core::field<&TrainOptions::distillation>("distillation", "a teacher"),
       core::field<&TrainOptions::listeners>("listeners", "what watches and changes the training"),
       core::field<&TrainOptions::checkpoints>("checkpoints", "what is kept to go on from")});
  return table;
}

}  // namespace margay::run
