#include "apps/cli/start_training.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "apps/cli/auto_arch.h"
#include "apps/cli/process.h"
#include "apps/cli/run_folder.h"
#include "apps/cli/training_run.h"
#include "margay/train/batch_size/find_batch_size.h"
#include "margay/train/callback/tracker.h"
#include "margay/train/distillation.h"
#include "margay/train/registry/compare_runs.h"
#include "margay/train/registry/run_record.h"
#include "margay/train/task_loss.h"
#include "margay/train/vision_learner.h"

namespace margay::cli {
namespace {

/// The learner that the options ask for. Whatever is wrong with data and settings is thrown here, before a folder is
/// made for a run that cannot begin: as Loaders, vision_learner, Distillation, Learner::check and Monitor::check.
train::Learner make_learner(const TrainOptions& options,
                            train::PretrainedWeights weights = train::PretrainedWeights::kRead);

train::Learner make_learner(const TrainOptions& options, train::PretrainedWeights weights) {
  train::Learner learner =
      train::vision_learner(make_loaders(options.batch), options.arch, options.vision_learner, weights);
  if (!options.distillation.teacher.empty()) {
    learner.set_training_loss(train::Distillation(options.distillation, learner.loaders(), learner.device(),
                                                  learner.precision(), train::training_loss(learner.loss())));
  }
  learner.check(recipe_of(options));
  if (is_monitored(options.listeners)) train::Monitor(options.listeners.monitor).check(learner);
  return learner;
}

core::ExitCode train_once(const TrainOptions& options) {
  train::Learner learner = make_learner(options);
  TrainingRun run(options, std::move(learner), RunFolder(options.runs, options.name));
  run.record();
  return run.train();
}

/// What the repeats of a group reached, with the standard error of their mean.
void report_repeats(const TrainOptions& options) {
  std::vector<train::RunRecord> repeats;
  for (const train::RunRecord& run : runs_in(options.runs)) {
    if (run.group == options.group) repeats.push_back(run);
  }
  if (repeats.empty()) return;
  for (const std::string& metric : {repeats.back().main_metric(), std::string("valid_loss")}) {
    const train::RunResult result = train::result_of(options.name, repeats, metric);
    const std::optional<double> error = result.standard_error();
    fmt::print("{} of {} repeats: {:.4f}{}\n", metric, result.values.size(), result.mean(),
               error ? fmt::format(" ± {:.4f} (standard error of the mean)", *error) : "");
  }
}

/// That fits into memory; printed. The classifier is one of as many classes as the data could have.
int largest_batch_size(const TrainOptions& options) {
  const data::Loaders loaders = make_loaders(options.batch);
  const auto classifier = model::make_classifier({.architecture = options.arch,
                                                  .num_classes = loaders.vocabulary.size(),
                                                  .image_px = options.batch.transforms.augment.size,
                                                  .head = options.vision_learner.head});
  const train::LearnerOptions& learner = options.vision_learner.learner;
  classifier->to(train::find_device(learner.device));
  if (learner.checkpoint_activations) {
    classifier->set_gradient_checkpointing(model::GradientCheckpointing::kOn);
  }
  train::AutoBatchOptions search = options.auto_batch;  // a batch never holds more than all images
  search.largest = std::clamp<std::int64_t>(loaders.train.dataset().size(), 8, search.largest);
  const train::BatchSizeAdvice advice =
      train::find_batch_size(*classifier,
                             {.image_px = options.batch.transforms.augment.size,
                              .precision = learner.precision,
                              .loss = {.task = loaders.task(), .options = learner.loss}},
                             search);
  fmt::print("batch size {}: needs about {:.0f} of {:.0f} MB\n", advice.batch_size,
             static_cast<double>(advice.needed_bytes) / 1e6, static_cast<double>(advice.limit_bytes) / 1e6);
  return static_cast<int>(advice.batch_size);
}

/// What can be said without the data. Throws std::invalid_argument.
void check_settings(const TrainOptions& options) {
  core::check_rules(options.listeners);
  recipe_of(options);
  const bool is_plain = !options.name.empty() && options.name.find('/') == std::string::npos && options.name[0] != '.';
  if (!is_plain) {
    throw std::invalid_argument(fmt::format(
        "[train] --name '{}' cannot be part of a folder's name; no '/', and no '.' in front", options.name));
  }
  if (options.arch == kAutoArch && !options.minutes) {
    throw std::invalid_argument("[train] --arch auto chooses by the time there is: give --minutes");
  }
  if (options.lr.empty()) return;
  if (options.lr != "auto") throw std::invalid_argument("[train] --lr is 'auto'; a number goes to --base-lr");
  if (options.recipe.empty()) return;
  throw std::invalid_argument("[train] --lr auto is for the default recipe; a recipe says its rates");
}

/// A path, or what `margay runs` calls the run; of repeats the newest.
std::filesystem::path folder_to_resume(const std::filesystem::path& run, const std::filesystem::path& runs) {
  if (run.has_parent_path() || std::filesystem::is_directory(run)) return run;
  return runs / train::find_run(runs_in(runs), run.string(), runs).folder;
}

/// A name that no other command's repeats have.
std::string new_group(const TrainOptions& options) {
  return fmt::format("{}-{:x}", options.name, std::chrono::system_clock::now().time_since_epoch().count());
}

}  // namespace

core::ExitCode start_training(const TrainOptions& given) {
  prepare_to_compute();
  TrainOptions options = given;
  core::validate(options);
  check_settings(options);  // before images are looked for and a folder is made
  if (options.arch == kAutoArch) choose_architecture(options);
  options.vision_learner.weights = resolve_weights(options.vision_learner.weights, options.arch);
  if (!options.vision_learner.weights.empty()) normalise_as_published(options.batch, options.arch);
  const std::int64_t repeats = std::exchange(options.repeats, 1);
  if (repeats > 1) options.group = new_group(options);
  if (options.auto_batch_size) options.batch.loader.batch_size = largest_batch_size(options);
  options.auto_batch_size = false;
  core::ExitCode code = core::ExitCode::kDone;
  for (std::int64_t i = 0; i < repeats && code == core::ExitCode::kDone; ++i) {
    if (repeats > 1) fmt::print("\nRepeat {} of {}, seed {}\n", i + 1, repeats, options.vision_learner.seed);
    options.batch.loader.seed = options.vision_learner.seed;
    code = train_once(options);
    ++options.vision_learner.seed;
  }
  if (repeats > 1 && code == core::ExitCode::kDone) report_repeats(options);
  return code;
}

core::ExitCode resume_training(const ResumeOptions& resume, const std::filesystem::path& runs) {
  prepare_to_compute();
  core::validate(resume);
  RunFolder folder = RunFolder::open(folder_to_resume(resume.resume, runs));
  const auto options = folder.read_config<TrainOptions>();
  const NewestCheckpoint newest = newest_checkpoint(folder, options);
  train::Learner learner =
      make_learner(options, newest.found ? train::PretrainedWeights::kFromCheckpoint : train::PretrainedWeights::kRead);
  TrainingRun run(options, std::move(learner), std::move(folder));
  run.restore(newest, resume.lr_factor);
  return run.train();
}

const core::OptionTable& ResumeOptions::fields() {
  static const core::OptionTable table(
      "resume",
      {core::field<&ResumeOptions::resume>("resume",
                                           "continue an interrupted run: its folder, or its id or name in the folder "
                                           "of --runs; the only other flag allowed is --lr-factor"),
       core::field<&ResumeOptions::lr_factor>(
           "lr_factor", "with --resume: multiplies the learning rates from there on, for a run that diverged",
           {1e-6, 1e3}, {core::needs({"resume"})})});
  return table;
}

}  // namespace margay::cli
