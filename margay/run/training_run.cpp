#include "margay/run/training_run.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/text.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/names.h"
#include "margay/run/pretrained_weights.h"
#include "margay/run/provenance.h"
#include "margay/run/training_charts.h"
#include "margay/train/bottleneck.h"
#include "margay/train/callback/callback.h"
#include "margay/train/learner.h"
#include "margay/train/probe/probe.h"
#include "margay/train/recipe/recipe_text.h"
#include "margay/train/task_loss.h"

namespace margay::run {

train::LrFindResult search_lr(train::Learner& learner, Observer& observer, const train::LrSweepOptions& options) {
  const train::LrFindResult found = train::lr_find(learner, options, [&](std::int64_t step, double lr, double loss) {
    if (learner.agree(observer.is_stop_wanted())) {
      throw core::Interrupted("stopped while searching for a learning rate");
    }
    observer.progressed("lr-find", step + 1, options.num_it, fmt::format("lr {:.1e}  loss {:.4f}", lr, loss));
  });
  observer.progress_ended();
  return found;
}

double suggested_lr(train::Learner& learner, Observer& observer) {
  const train::LrFindResult found = search_lr(learner, observer);
  const auto valley = std::find_if(found.suggestions.begin(), found.suggestions.end(),
                                   [](const train::LrSuggestion& suggestion) { return suggestion.name == "valley"; });
  if (valley != found.suggestions.end()) return valley->lr;
  throw core::Error("[lr_find] the curve has no valley; look at it with `lr_find`, and give `base_lr`");
}

namespace {

namespace fs = std::filesystem;

std::set<std::string_view> lines_of(std::string_view text) {
  std::set<std::string_view> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    lines.insert(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return lines;
}

/// Which lines of a split one table has and the other lacks.
std::string how_they_differ(const std::string& before, const std::string& after) {
  const std::set<std::string_view> then = lines_of(before);
  const std::set<std::string_view> now = lines_of(after);
  data::NameList gone;
  data::NameList added;
  for (const std::string_view line : then) {
    if (!now.contains(line)) gone.add(std::string(line));
  }
  for (const std::string_view line : now) {
    if (!then.contains(line)) added.add(std::string(line));
  }
  if (gone.empty() && added.empty()) return "they are in another order";
  std::vector<std::string> texts;
  if (!gone.empty())
    texts.push_back(fmt::format("{} of {} lines no longer hold: {}", gone.size(), then.size(), gone.text()));
  if (!added.empty()) texts.push_back(fmt::format("{} are new: {}", added.size(), added.text()));
  return core::joined(texts, ", ");
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The model, and checkpoints of weights and about two moments each; there is one more for the moment of its writing.
std::uintmax_t bytes_to_write(const model::Classifier& classifier, const CheckpointOptions& options) {
  std::uintmax_t weights = 0;
  for (const torch::Tensor& each : classifier.parameters()) weights += each.nbytes();
  constexpr std::uintmax_t kOfACheckpoint = 3;
  return weights * (1 + kOfACheckpoint * (static_cast<std::uintmax_t>(options.keep_checkpoints) + 1));
}

bool freezes_layers(const train::Stages& stages) {
  return std::any_of(stages.begin(), stages.end(),
                     [](const train::Stage& stage) { return stage.freeze_to.value_or(0) != 0; });
}

/// Announces after the first epoch where its time went.
class BottleneckReport : public train::Callback {
 public:
  explicit BottleneckReport(Observer& observer) : observer_(observer) {}

  void after_epoch(train::Learner& learner, const train::Progress& /*at*/, const train::EpochRecord& record) override {
    const auto has_trained = [](const train::EpochRecord& each) { return each.steps_so_far > 0; };
    const auto& history = learner.history();
    if (!has_trained(record) || std::count_if(history.begin(), history.end(), has_trained) != 1) return;
    const std::string text = train::describe_bottleneck(record, learner.loaders());
    if (!text.empty()) observer_.found_bottleneck(text);
  }

 private:
  Observer& observer_;
};

NewRun new_run(const TrainOptions& options, const RunFolder& folder, const train::Learner& learner) {
  NewRun run{.folder = folder.path().filename().string(),
             .name = options.name,
             .group = options.group,
             .seed = options.vision_learner.seed,
             .working_folder = present_folder(),
             .config = core::to_json(options)};
  if (learner.loaders().valid) run.valid_images = static_cast<std::int64_t>(learner.loaders().valid->dataset().size());
  return run;
}

/// Announces what is wrong with the cache of a probe's features.
class ProbeWarnings : public train::Callback {
 public:
  explicit ProbeWarnings(Observer& observer) : observer_(observer) {}

  void after_probe(train::Learner& /*learner*/, const train::Probe& probe) override {
    for (const std::string& warning : probe.train.warnings) observer_.warned(warning);
    if (!probe.valid) return;
    for (const std::string& warning : probe.valid->warnings) observer_.warned(warning);
  }

 private:
  Observer& observer_;
};

/// How many micro-batches the bits of a training belong to; 1 where they belong to none.
std::int64_t bits_of_micro_batches(const train::MicroBatchOptions& used) {
  return used.reduce == train::Reduce::kExact ? used.micro_batches.value_or(1) : 1;
}

std::shared_ptr<RunListing> make_listing(const RunFolder& folder, const TrainOptions& options,
                                         const train::Learner& learner, Observer& observer) {
  if (learner.group().rank() != 0) return nullptr;
  return std::make_shared<RunListing>(folder.path().parent_path(), new_run(options, folder, learner),
                                      [&observer](const std::string& problem) { observer.warned(problem); });
}

}  // namespace

TrainingRun::TrainingRun(TrainOptions options, train::Learner learner, RunFolder folder, Observer& observer)
    : options_(std::move(options)),
      folder_(std::move(folder)),
      observer_(&observer),
      checkpoints_(folder_.checkpoints(), options_.checkpoints.keep_checkpoints),
      learner_(std::move(learner)),
      listing_(make_listing(folder_, options_, learner_, observer)),
      listeners_(
          learner_, options_.listeners, folder_,
          [data = options_.batch.data,
           pretrained = kept_pretrained_record(folder_.path(), options_.arch, options_.vision_learner.weights)](
              const train::Learner& best) {
            return with_pretrained(provenance(data, best.training_state().recipe, best, &best.history().back()),
                                   pretrained);
          },
          observer) {
  if (begins_at_probe(options_)) {
    guard_ = std::make_shared<train::TuningGuard>(options_.tuning_guard,
                                                  [&observer](const std::string& text) { observer.warned(text); });
    learner_.add_callback(guard_);
  }
}

void TrainingRun::record() const {
  if (!is_first()) return;
  folder_.write_config(core::to_json(options_));
  keep_pretrained_record(folder_.path(), options_.arch, options_.vision_learner.weights);
  data::save_table(datasets_of(learner_.loaders()), options_.batch.folder, folder_.split(learner_.loaders().task()));
}

void TrainingRun::check_split() const {
  if (!is_first()) return;  // that all processes have the same data is seen before the first step
  const fs::path then = folder_.split(learner_.loaders().task());
  const fs::path now = fs::path(then).replace_filename("now-" + then.filename().string());
  data::save_table(datasets_of(learner_.loaders()), options_.batch.folder, now);
  const std::string before = content_of(then);
  const std::string after = content_of(now);
  fs::remove(now);
  if (before == after) return;
  throw core::DataError(
      options_.batch.folder,
      fmt::format("the images, labels or split are not those that the run began with ({}): {}; put "
                  "them back, name their new place with `data`, or begin a new run with the settings "
                  "in {}",
                  core::shown_path(then), how_they_differ(before, after), core::shown_path(folder_.config())));
}

NewestCheckpoint newest_checkpoint(const RunFolder& folder, const TrainOptions& options) {
  NewestCheckpoint newest;
  newest.found =
      train::CheckpointFolder(folder.checkpoints(), options.checkpoints.keep_checkpoints).newest(newest.problems);
  return newest;
}

void TrainingRun::restore(const NewestCheckpoint& newest, double lr_factor) {
  check_split();
  const std::optional<train::CheckpointFolder::Found>& used = newest.found;
  if (used) train::restore(learner_, used->snapshot, used->path);
  learner_.check(recipe_of(options_));
  for (const std::string& problem : newest.problems) observer_->warned("left aside: " + problem);
  if (lr_factor != 1 && options_.listeners.reduce_on_plateau) {
    throw std::invalid_argument("[train] `lr_factor` is overruled by the run's `reduce_on_plateau`");
  }
  learner_.set_lr_factor(learner_.lr_factor() * lr_factor);
  const train::TrainingState& at = learner_.training_state();
  observer_->resumed({.checkpoints = checkpoints_.folder(),
                      .checkpoint = used ? std::optional(used->path) : std::nullopt,
                      .had_torn_checkpoints = !newest.problems.empty(),
                      .stage = at.stage,
                      .epochs_done = at.epoch,
                      .batches_done = at.is_in_epoch ? at.step : 0});
}

void TrainingRun::announce_start() const {
  const data::Loaders& loaders = learner_.loaders();
  if (is_first()) {  // they are of the data, which are the same in all processes
    for (const std::string& warning : loaders.warnings) observer_->warned(warning);
  }
  const auto size = [](const data::Loader& loader) { return static_cast<std::int64_t>(loader.dataset().size()); };
  observer_->started({.folder = folder_.path(),
                      .train_images = size(loaders.train),
                      .valid_images = loaders.valid ? size(*loaders.valid) : 0,
                      .num_classes = static_cast<std::int64_t>(loaders.vocabulary.size()),
                      .arch = options_.arch,
                      .precision = core::to_text(learner_.precision()),
                      .is_pretrained = !options_.vision_learner.weights.empty(),
                      .micro_batches = bits_of_micro_batches(learner_.micro_batch())});
  if (!is_first()) return;
  if (options_.vision_learner.weights.empty() && freezes_layers(recipe_of(options_))) {
    observer_->warned(
        "the recipe freezes layers, but without `weights` they have random values and keep them while they are frozen");
  }
  if (guard_ && !loaders.valid) {
    observer_->warned(
        "without validation images nothing tells whether tuning improves on its probe; the tuned network is kept");
  }
  if (!options_.listeners.early_stop) return;
  for (const train::Stage& stage : recipe_of(options_)) {
    const auto warning = train::early_stopping_warning(core::to_text(stage.schedule.kind));
    if (warning) return observer_->warned(*warning);
  }
}

/// Those of the user's choice are there already; checkpoints come last, so that they hold what the others know.
void TrainingRun::listen() {
  for (const auto& callback : observer_->callbacks()) learner_.add_callback(callback);
  learner_.add_callback(std::make_shared<BottleneckReport>(*observer_));
  learner_.add_callback(std::make_shared<ProbeWarnings>(*observer_));
  if (listing_) learner_.add_callback(listing_);
  learner_.add_callback(std::make_shared<train::StopWhen>([this] { return observer_->is_stop_wanted(); }));
  learner_.add_callback(std::make_shared<train::SaveCheckpoints>(
      checkpoints_, std::chrono::duration<double>(options_.checkpoints.checkpoint_minutes * 60),
      [this](const core::IoError& error) {
        observer_->warned(fmt::format("the checkpoint could not be written, the previous one stays: {}", error.what()));
      }));
}

/// What it finds goes into config.json, so that a run that goes on need not search again.
void TrainingRun::find_lr() {
  if (options_.lr.empty()) return;
  options_.fine_tune.base_lr = collective::from_first(learner_.group(), suggested_lr(learner_, *observer_));
  options_.lr.clear();
  if (is_first()) folder_.write_config(core::to_json(options_));
  observer_->found_lr(options_.fine_tune.base_lr);
}

/// Those of the weights that are saved; null before the first epoch.
const train::EpochRecord* TrainingRun::results() const {
  if (final_) return &*final_;
  return learner_.history().empty() ? nullptr : &learner_.history().back();
}

/// Puts the probe back where tuning has not made it better.
void TrainingRun::judge_tuning() {
  if (!guard_) return;
  const std::optional<train::TuningComparison> comparison = guard_->compare(learner_);
  if (!comparison) {
    judgement_ = "The tuned network is kept: without validation images nothing compares it with its probe";
    return;
  }
  if (is_first()) folder_.write_tuning(train::to_json(*comparison));
  const bool is_last_wanted = options_.tuning_guard.keep == train::KeepModel::kLast;
  const bool keeps_tuned = is_last_wanted || comparison->is_end_better();
  judgement_ = fmt::format("{} is kept{}: the tuned network is {}", keeps_tuned ? "The tuned network" : "The probe",
                           is_last_wanted ? ", as `keep` says" : "", comparison->text());
  if (keeps_tuned) return;
  guard_->restore_start(learner_);
  final_ = learner_.history().front();
  saved_epoch_ = 0;
}

void TrainingRun::save_model(data::Unread unread) {
  if (listeners_.finish(learner_)) {
    final_ = learner_.evaluate();
    observer_->evaluated_saved_model(*final_, learner_.metrics());
  }
  if (unread == data::Unread::kRead) judge_tuning();  // an interruption does not wait for it
  if (!is_first()) return;
  const std::string recipe = train::recipe_text(recipe_of(options_));
  learner_.save(folder_.model(),
                with_pretrained(provenance(options_.batch.data, recipe, learner_, results()),
                                kept_pretrained_record(folder_.path(), options_.arch, options_.vision_learner.weights)),
                unread);
}

void TrainingRun::save_charts(const std::vector<chart::LineChart>& charts) const {
  try {
    for (const char* extension : {"svg", "png"}) {
      const std::string warning = write_chart(charts, folder_.chart(extension));
      if (!warning.empty()) observer_->warned(warning);
    }
  } catch (const core::IoError& error) {
    observer_->warned(
        fmt::format("the chart of the losses could not be written, the model is complete: {}", error.what()));
  }
}

void TrainingRun::keep(const std::string& why) {
  finish_listing(RunStatus::kInterrupted, why);
  save_checkpoint();
  save_model(data::Unread::kLeave);  // whoever interrupts does not wait for files to be read
  std::vector<chart::LineChart> charts;
  if (!learner_.steps().empty()) charts = training_charts(learner_);
  if (!charts.empty() && is_first()) save_charts(charts);
  end(why, std::move(charts));
}

void TrainingRun::end(const std::string& interruption, std::vector<chart::LineChart> charts) const {
  for (const data::SkippedImage& image : learner_.skipped()) observer_->warned("left out " + image.problem);
  const std::optional<data::CacheStats> stats = learner_.loaders().train.cache_stats();
  if (stats) observer_->reported_cache(stats->text());
  observer_->ended({.folder = folder_.path(),
                    .model = folder_.model(),
                    .interruption = interruption,
                    .judgement = judgement_,
                    .charts = std::move(charts)});
}

void TrainingRun::save_checkpoint() {
  if (!is_first()) return;  // it needs no other process: all have the same weights and moments
  try {
    checkpoints_.save(learner_);
  } catch (const core::IoError& error) {
    observer_->warned(fmt::format("the checkpoint could not be written, the previous one stays: {}", error.what()));
  }
}

/// So that a run never needs the file of weights again, even if it is killed in its first epoch.
void TrainingRun::keep_pretrained_start() {
  if (!options_.vision_learner.weights.empty() && checkpoints_.files().empty()) save_checkpoint();
}

void TrainingRun::train_all() {
  find_lr();
  listen();
  keep_pretrained_start();
  learner_.run(recipe_of(options_), options_.minutes ? std::optional(*options_.minutes * 60) : std::nullopt);
}

void TrainingRun::finish_listing(RunStatus status, const std::string& message, std::optional<std::size_t> saved_epoch) {
  if (listing_) listing_->finish(status, message, saved_epoch);
}

/// Where rank 0 cannot write the model, no process has trained well.
void TrainingRun::finish_model() {
  std::string problem;
  try {
    save_model(data::Unread::kRead);
  } catch (const core::IoError& error) {
    problem = error.what();
    finish_listing(RunStatus::kFailed, problem);
  }
  problem = collective::from_first(learner_.group(), problem);
  if (!problem.empty()) throw RunError(RunError::Reason::kModelNotSaved, folder_.path(), problem);
}

Outcome TrainingRun::train() {
  announce_start();
  if (is_first()) {
    const std::string warning = folder_.space_warning(bytes_to_write(learner_.classifier(), options_.checkpoints));
    if (!warning.empty()) observer_->warned(warning);
    listing_->begin();
  }
  const auto fail = [&](const std::exception& error) { finish_listing(RunStatus::kFailed, error.what()); };
  try {
    train_all();
  } catch (const core::Interrupted& interrupted) {
    keep(interrupted.what());
    return Outcome::kInterrupted;
  } catch (const train::DivergedError& diverged) {
    fail(diverged);
    throw RunError(RunError::Reason::kDiverged, folder_.path(), diverged.what());
  } catch (const core::OutOfMemoryError& error) {
    fail(error);
    throw RunError(RunError::Reason::kOutOfMemory, folder_.path(), error.what());
  } catch (const std::exception& error) {
    fail(error);
    throw;
  }
  finish_model();
  std::vector<chart::LineChart> charts = training_charts(learner_);
  if (is_first()) save_charts(charts);
  finish_listing(RunStatus::kDone, judgement_, saved_epoch_);
  end("", std::move(charts));
  return Outcome::kDone;
}

}  // namespace margay::run
