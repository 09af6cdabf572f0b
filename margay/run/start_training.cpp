#include "margay/run/start_training.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/text.h"
#include "margay/run/choose_architecture.h"
#include "margay/run/compare_runs.h"
#include "margay/run/largest_batch.h"
#include "margay/run/run_folder.h"
#include "margay/run/run_record.h"
#include "margay/run/same_options.h"
#include "margay/run/training_run.h"
#include "margay/train/callback/tracker.h"
#include "margay/train/distillation.h"
#include "margay/train/task_loss.h"
#include "margay/train/vision_learner.h"

namespace margay::run {
namespace {

/// Of training, and of validation and prediction.
data::Loaders loaders_of(const TrainOptions& options, const std::filesystem::path& cache_folder) {
  data::Loaders loaders = make_loaders(options.batch, cache_folder);
  return options.eval_size ? data::evaluated_at(loaders, *options.eval_size) : loaders;
}

/// The learner that the options ask for. weights: what vision_learner takes. Whatever is wrong with data and settings
/// is thrown here, before a folder is made for a run that cannot begin: as Loaders, vision_learner, Distillation,
/// Learner::check and Monitor::check.
template <class Weights>
train::Learner make_learner(const TrainOptions& options, const std::filesystem::path& cache_folder,
                            const Weights& weights, std::shared_ptr<collective::Group> group) {
  train::Learner learner =
      train::vision_learner(loaders_of(options, cache_folder), options.arch, options.vision_learner, weights);
  learner.set_group(std::move(group));
  if (!options.distillation.teacher.empty()) {
    learner.set_training_loss(train::Distillation(options.distillation, learner.loaders(), learner.device(),
                                                  learner.precision(), train::training_loss(learner.loss())));
  }
  const std::filesystem::path& named = options.batch.loader.cache_folder;
  learner.set_feature_cache(named.empty() ? cache_folder : named);
  learner.check(recipe_of(options));
  if (is_monitored(options.listeners)) train::Monitor(options.listeners.monitor).check(learner);
  return learner;
}

/// What a training begins with.
struct Beginning {
  std::optional<FromScratch> scratch = {};            ///< to be told
  std::optional<model::PretrainedFile> weights = {};  ///< of vision_learner.weights
};

/// What rank 0 finds, in all processes; its error is thrown in all of them.
std::string found_by_first(collective::Group& group, const std::function<std::string()>& find) {
  constexpr char kFound = '+';
  constexpr char kFailed = '-';
  std::string said;
  std::exception_ptr failure;
  try {
    if (group.rank() == 0) said = kFound + find();
  } catch (const std::exception& error) {
    failure = std::current_exception();
    said = kFailed + std::string(error.what());
  }
  said = collective::from_first(group, said);
  if (failure) std::rethrow_exception(failure);
  if (said.front() == kFailed) throw core::Error(said.substr(1));
  return said.substr(1);
}

/// The folder that rank 0 makes or opens, in all processes.
RunFolder shared_folder(collective::Group& group, const std::function<RunFolder()>& make) {
  std::optional<RunFolder> mine;
  const std::string path = found_by_first(group, [&] {
    mine.emplace(make());
    return std::filesystem::absolute(mine->path()).string();
  });
  return mine ? std::move(*mine) : RunFolder::of_first_rank(path);
}

Outcome train_once(const TrainOptions& options, const std::filesystem::path& cache_folder, Observer& observer,
                   Beginning beginning, const std::shared_ptr<collective::Group>& group) {
  train::Learner learner = make_learner(options, cache_folder, beginning.weights, group);
  beginning.weights.reset();  // the network has them
  if (beginning.scratch) observer.trains_from_scratch(*beginning.scratch);
  TrainOptions used = options;  // so that other numbers of processes go on to the same bits
  if (group->size() > 1) used.vision_learner.learner.micro_batch = learner.micro_batch();
  RunFolder folder = shared_folder(*group, [&] { return RunFolder(options.runs, options.name); });
  TrainingRun run(std::move(used), std::move(learner), std::move(folder), observer);
  run.record();
  return run.train();
}

std::vector<RunRecord> runs_in(const std::filesystem::path& folder, Observer& observer) {
  return RunRegistry(folder, [&observer](const std::string& problem) { observer.warned(problem); }).all();
}

/// Announces the results of the repeats of a group.
void announce_repeats(const TrainOptions& options, Observer& observer) {
  std::vector<RunRecord> repeats;
  for (const RunRecord& run : runs_in(options.runs, observer)) {
    if (run.group == options.group) repeats.push_back(run);
  }
  if (repeats.empty()) return;
  for (const std::string& metric : {repeats.back().main_metric(), std::string("valid_loss")}) {
    observer.repeats_ended(metric, result_of(options.name, repeats, metric));
  }
}

/// What can be said without the data. Throws std::invalid_argument.
void check_settings(const TrainOptions& options) {
  check_run("train", options.name, core::to_json(options));
  core::check_rules(options.listeners);
  recipe_of(options);
  if (options.arch == kAutoArch && !options.minutes) {
    throw std::invalid_argument("[train] `arch` auto chooses by the time there is: give `minutes`");
  }
  if (options.lr.empty()) return;
  if (options.lr != "auto") throw std::invalid_argument("[train] `lr` is 'auto'; a number goes to `base_lr`");
  if (options.recipe.empty()) return;
  throw std::invalid_argument("[train] `lr` auto is for the default recipe; a recipe says its rates");
}

/// Nothing where the training has pretrained weights.
std::optional<FromScratch> scratch_of(const TrainOptions& options, const std::filesystem::path& cache_folder) {
  if (!options.vision_learner.weights.empty()) return std::nullopt;
  return from_scratch(options.arch, cache_folder);
}

/// Says it before the search, which goes by the accuracy of pretrained networks.
void choose_network_of(TrainOptions& options, const std::filesystem::path& cache_folder, Observer& observer,
                       const std::shared_ptr<collective::Group>& group) {
  if (const auto scratch = scratch_of(options, cache_folder)) observer.trains_from_scratch(*scratch);
  choose_architecture(options, cache_folder, observer, group);
}

/// A path, or what `margay runs` calls the run; of repeats the newest.
std::filesystem::path folder_to_resume(const std::filesystem::path& run, const std::filesystem::path& runs,
                                       Observer& observer) {
  if (run.has_parent_path() || std::filesystem::is_directory(run)) return run;
  return runs / find_run(runs_in(runs, observer), run.string(), runs).folder;
}

void refuse_probe(const RunFolder& folder) {
  const std::optional<RunRecord> record = read_run_folder(folder.path());
  if (!record || record->kind() != RunKind::kProbe) return;
  throw core::DataError(folder.path(),
                        fmt::format("this run is a probe, which has nothing to continue: probe again with `config` {}; "
                                    "a second probe finds its features in the cache",
                                    core::shown_path(folder.config())));
}

/// A run that began before there was `similar_classes` goes on with the classes that it has.
void keep_classes_of_old_run(const RunFolder& folder, TrainOptions& options) {
  const nlohmann::ordered_json config = folder.read_config_json();
  const bool is_said = config.contains("batch") && config["batch"].contains("data") &&
                       config["batch"]["data"].contains("similar_classes");
  if (!is_said) options.batch.data.similar_classes = data::SimilarClasses::kKeep;
}

/// A name that no other command's repeats have.
std::string new_group(const TrainOptions& options) {
  return fmt::format("{}-{:x}", options.name, std::chrono::system_clock::now().time_since_epoch().count());
}

}  // namespace

Outcome start_training(const TrainOptions& given, const std::filesystem::path& cache_folder, Observer& observer,
                       std::shared_ptr<collective::Group> group) {
  TrainOptions options = given;
  core::validate(options);
  options = with_probe_head(std::move(options));
  check_settings(options);  // before images are looked for and a folder is made
  check_same_options(*group, core::to_json(options));
  const bool searches = options.arch == kAutoArch || options.auto_batch_size;
  if (searches && group->rank() == 0) check_runs_folder(options.runs);
  Beginning beginning;
  if (options.arch == kAutoArch) {
    choose_network_of(options, cache_folder, observer, group);
  } else {
    beginning.scratch = scratch_of(options, cache_folder);
  }
  options.vision_learner.weights = resolve_weights(options.vision_learner.weights, options.arch, cache_folder);
  train::VisionLearnerOptions& network = options.vision_learner;
  beginning.weights = follow_weights(options.batch, {network.weights, network.weights_sha256}, network.arithmetic,
                                     options.arch, observer);
  const std::int64_t repeats = std::exchange(options.repeats, 1);
  if (repeats > 1) options.group = collective::from_first(*group, new_group(options));
  if (options.auto_batch_size)
    options.batch.loader.batch_size = largest_batch_size(options, cache_folder, observer, *group);
  options.auto_batch_size = false;
  Outcome outcome = Outcome::kDone;
  for (std::int64_t i = 0; i < repeats && outcome == Outcome::kDone; ++i) {
    if (repeats > 1) observer.repeated(i + 1, repeats, options.vision_learner.seed);
    options.batch.loader.seed = options.vision_learner.seed;
    outcome = train_once(options, cache_folder, observer, i + 1 < repeats ? beginning : std::move(beginning), group);
    beginning.scratch.reset();
    ++options.vision_learner.seed;
  }
  if (repeats > 1 && outcome == Outcome::kDone && group->rank() == 0) announce_repeats(options, observer);
  return outcome;
}

namespace {

/// The start by a launcher in a run's settings.
std::string launch_of(const std::filesystem::path& folder) {
  const auto json = RunFolder::of_first_rank(folder).read_config_json();
  return json.value("launch", "");
}

/// What a run that is finished has left; nothing for one that can go on.
std::optional<Finished> finished(const RunFolder& folder) {
  const std::optional<RunRecord> record = read_run_folder(folder.path());
  std::error_code failure;
  const bool has_ended = record && record->status == RunStatus::kDone;
  if (!has_ended || !std::filesystem::is_regular_file(folder.model(), failure)) return std::nullopt;
  return Finished{.folder = folder.path(),
                  .model = folder.model(),
                  .epochs = static_cast<std::int64_t>(record->epochs.size()),
                  .metric = record->main_metric(),
                  .result = record->last(record->main_metric())};
}

}  // namespace

std::filesystem::path run_of_launch(const std::filesystem::path& runs, const std::string& launch) {
  if (launch.empty()) return {};
  std::vector<std::string> names = run_folders(runs);
  for (auto name = names.rbegin(); name != names.rend(); ++name) {  // their names begin with the time
    try {
      if (launch_of(runs / *name) == launch) return runs / *name;
    } catch (const core::Error&) {  // half made, or of something else; `runs` reports it
      continue;
    }
  }
  return {};
}

Outcome resume_training(const ResumeOptions& resume, const std::filesystem::path& runs,
                        const std::filesystem::path& cache_folder, Observer& observer,
                        std::shared_ptr<collective::Group> group) {
  core::validate(resume);
  RunFolder folder =
      shared_folder(*group, [&] { return RunFolder::open(folder_to_resume(resume.resume, runs, observer)); });
  refuse_probe(folder);
  auto options = folder.read_config<TrainOptions>();
  keep_classes_of_old_run(folder, options);
  if (std::optional<Finished> end = finished(folder)) {
    end->data = images_of_run(options.batch.folder, resume.data, folder.path());
    std::error_code failure;
    end->has_data = std::filesystem::is_directory(end->data, failure);
    observer.was_finished(*end);
    return Outcome::kDone;
  }
  const NewestCheckpoint newest = newest_checkpoint(folder, options);
  const auto weights = newest.found ? train::PretrainedWeights::kFromCheckpoint : train::PretrainedWeights::kRead;
  MovedFiles moved = resume.moved;
  moved.data = resume.data;
  moved.weights = resolve_weights(moved.weights, options.arch, cache_folder);
  const bool has_moved = find_moved_files(options, moved, folder.path(), weights);
  train::Learner learner = make_learner(options, cache_folder, weights, group);
  TrainingRun run(options, std::move(learner), std::move(folder), observer);
  run.restore(newest, resume.lr_factor);
  if (has_moved && group->rank() == 0) run.record_settings();
  return run.train();
}

const core::OptionTable& ResumeOptions::fields() {
  static const core::OptionTable table(
      "resume",
      {core::field<&ResumeOptions::resume>(
           "resume",
           "continue an interrupted run: its folder, or its id or name in the folder of `runs`; with `lr_factor`, and "
           "for what has moved `data`, `labels_csv`, `valid_csv`, `valid_list`, `weights`, `teacher`, `cache_folder`"),
       core::field<&ResumeOptions::data>("data", "with `resume`: where the folder of images now lies",
                                         {core::needs({"resume"})}),
       core::field<&ResumeOptions::lr_factor>(
           "lr_factor", "with `resume`: multiplies the learning rates from there on, for a run that diverged",
           {1e-6, 1e3}, {core::needs({"resume"})})});
  return table;
}

}  // namespace margay::run
