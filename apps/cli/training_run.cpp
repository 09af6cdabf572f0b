#include "apps/cli/training_run.h"

#include <algorithm>
#include <chrono>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/epoch_table.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/training_charts.h"
#include "margay/data/source/csv.h"
#include "margay/train/bottleneck.h"
#include "margay/train/callback/callback.h"
#include "margay/train/learner.h"
#include "margay/train/task_loss.h"

namespace margay::cli {

train::LrFindResult search_lr(train::Learner& learner, const train::LrSweepOptions& options) {
  ProgressLine line;
  line.begin("lr-find");
  return train::lr_find(learner, options, [&](std::int64_t step, double lr, double loss) {
    if (is_stop_wanted()) throw core::Interrupted("stopped while searching for a learning rate");
    line.show(step + 1, options.num_it, fmt::format("lr {:.1e}  loss {:.4f}", lr, loss));
  });
}

double suggested_lr(train::Learner& learner) {
  const train::LrFindResult found = search_lr(learner);
  const auto valley = std::find_if(found.suggestions.begin(), found.suggestions.end(),
                                   [](const train::LrSuggestion& suggestion) { return suggestion.name == "valley"; });
  if (valley != found.suggestions.end()) return valley->lr;
  throw core::Error("[lr_find] the curve has no valley; look at it with `margay lr-find`, and give --base-lr");
}

namespace {

namespace fs = std::filesystem;

/// What the loaders serve, so that nothing is labelled and split a second time.
data::Datasets datasets_of(const data::Loaders& loaders) {
  const auto share = [](const data::Dataset& dataset) { return std::make_shared<data::Dataset>(dataset); };
  return {.train = share(loaders.train.dataset()),
          .valid = share(loaders.valid ? loaders.valid->dataset() : data::Dataset::unlabelled({})),
          .vocabulary = loaders.vocabulary};
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Says after the first epoch where its time went.
class Doctor : public train::Callback {
 public:
  void after_epoch(train::Learner& learner, const train::Progress& /*at*/, const train::EpochRecord& record) override {
    if (learner.history().size() == 1)
      fmt::print("{}\n", program_words(train::describe_bottleneck(record, learner.loaders())));
  }
};

train::NewRun new_run(const TrainOptions& options, const RunFolder& folder, const train::Learner& learner) {
  train::NewRun run{.folder = folder.path().filename().string(),
                    .name = options.name,
                    .group = options.group,
                    .seed = options.vision_learner.seed,
                    .config = core::to_json(options)};
  if (learner.loaders().valid) run.valid_images = static_cast<std::int64_t>(learner.loaders().valid->dataset().size());
  return run;
}

}  // namespace

TrainingRun::TrainingRun(TrainOptions options, train::Learner learner, RunFolder folder)
    : options_(std::move(options)),
      folder_(std::move(folder)),
      checkpoints_(folder_.checkpoints(), options_.checkpoints.keep_checkpoints),
      learner_(std::move(learner)),
      listing_(std::make_shared<RunListing>(folder_.path().parent_path(), new_run(options_, folder_, learner_))),
      listeners_(learner_, options_.listeners, folder_, [data = options_.batch.data](const train::Learner& best) {
        return provenance(data, best, &best.history().back());
      }) {}

void TrainingRun::record() const {
  folder_.write_config(core::to_json(options_));
  data::save_table(datasets_of(learner_.loaders()), options_.batch.folder, folder_.split(learner_.loaders().task()));
}

void TrainingRun::check_split() const {
  const fs::path then = folder_.split(learner_.loaders().task());
  const fs::path now = fs::path(then).replace_filename("now-" + then.filename().string());
  data::save_table(datasets_of(learner_.loaders()), options_.batch.folder, now);
  const bool is_same = content_of(then) == content_of(now);
  fs::remove(now);
  if (is_same) return;
  throw core::DataError(options_.batch.folder,
                        fmt::format("the images, labels or split are not those that the run began with ({}); put them "
                                    "back, or begin a new run with --config {}",
                                    then.string(), folder_.config().string()));
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
  for (const std::string& problem : newest.problems) warn("left aside: " + problem);
  if (lr_factor != 1 && options_.listeners.reduce_on_plateau) {
    throw std::invalid_argument("[train] --lr-factor is overruled by the run's --reduce-on-plateau");
  }
  learner_.set_lr_factor(learner_.lr_factor() * lr_factor);
  const train::TrainingState& at = learner_.training_state();
  if (!used) {
    fmt::print("{} checkpoint in {}: training starts from the beginning.\n",
               newest.problems.empty() ? "No" : "No whole", checkpoints_.folder().string());
  } else if (at.stage.empty()) {
    fmt::print("Continuing from {}: before the first step.\n", used->path.string());
  } else {
    fmt::print("Continuing from {}: {}, {} epochs done and {} batches of the next.\n", used->path.string(), at.stage,
               at.epoch, at.is_in_epoch ? at.step : 0);
  }
}

void TrainingRun::announce() const {
  const data::Loaders& loaders = learner_.loaders();
  for (const std::string& warning : loaders.warnings) warn(warning);
  fmt::print("{} images train, {} validate, {} classes; {}, {}{}\n", loaders.train.dataset().size(),
             loaders.valid ? loaders.valid->dataset().size() : 0, loaders.vocabulary.size(), options_.arch,
             core::to_text(learner_.precision()),
             options_.vision_learner.weights.empty() ? ", from scratch" : ", pretrained");
  if (!options_.listeners.early_stop) return;
  for (const train::Stage& stage : recipe_of(options_)) {
    const auto warning = train::early_stopping_warning(core::to_text(stage.schedule.kind));
    if (warning) return warn(*warning);
  }
}

/// Those of the user's choice are there already; checkpoints come last, so that they hold what the others know.
void TrainingRun::listen() {
  learner_.add_callback(std::make_shared<EpochTable>());
  learner_.add_callback(std::make_shared<Doctor>());
  learner_.add_callback(listing_);
  learner_.add_callback(std::make_shared<train::StopWhen>(is_stop_wanted));
  learner_.add_callback(std::make_shared<train::SaveCheckpoints>(
      checkpoints_, std::chrono::duration<double>(options_.checkpoints.checkpoint_minutes * 60),
      [](const core::IoError& error) {
        warn(fmt::format("the checkpoint could not be written, the previous one stays: {}", error.what()));
      }));
}

/// What it finds goes into config.json, so that a run that goes on need not search again.
void TrainingRun::find_lr() {
  if (options_.lr.empty()) return;
  options_.fine_tune.base_lr = suggested_lr(learner_);
  options_.lr.clear();
  folder_.write_config(core::to_json(options_));
  fmt::print("base_lr {:.2e}, the valley of lr-find\n", options_.fine_tune.base_lr);
}

/// Those of the weights that are saved; null before the first epoch.
const train::EpochRecord* TrainingRun::results() const {
  if (final_) return &*final_;
  return learner_.history().empty() ? nullptr : &learner_.history().back();
}

void TrainingRun::save_model() {
  if (listeners_.finish(learner_)) {
    final_ = learner_.evaluate();
    fmt::print("The saved model: valid_loss {:.6f}", final_->valid_loss);
    for (std::size_t i = 0; i < final_->metrics.size(); ++i) {
      fmt::print(", {} {:.6f}", learner_.metrics()[i]->name(), final_->metrics[i]);
    }
    fmt::print("\n");
  }
  learner_.save(folder_.model(), provenance(options_.batch.data, learner_, results()));
}

void TrainingRun::save_charts(const std::vector<chart::LineChart>& charts) const {
  try {
    for (const char* extension : {"svg", "png"}) write_chart(charts, folder_.chart(extension));
  } catch (const core::IoError& error) {
    warn(fmt::format("the chart of the losses could not be written, the model is complete: {}", error.what()));
  }
}

void TrainingRun::keep(const std::string& why) {
  listing_->finish(train::RunStatus::kInterrupted, why);
  try {
    checkpoints_.save(learner_);
  } catch (const core::IoError& error) {
    warn(fmt::format("the checkpoint could not be written, the previous one stays: {}", error.what()));
  }
  save_model();
  if (!learner_.steps().empty()) save_charts(training_charts(learner_));
  report();
  fmt::print("\n{}. The training so far is saved:\n  {}\nContinue: margay train --resume {}\n", why,
             folder_.model().string(), folder_.path().string());
}

void TrainingRun::report() const {
  for (const data::SkippedImage& image : learner_.skipped()) warn("left out " + image.problem);
  const std::optional<data::CacheStats> stats = learner_.loaders().train.cache_stats();
  if (stats) fmt::print("cache: {}\n", stats->text());
}

core::ExitCode TrainingRun::train() {
  announce();
  listing_->begin();
  listen_for_stop();
  try {
    find_lr();
    listen();
    learner_.run(recipe_of(options_), options_.minutes ? std::optional(*options_.minutes * 60) : std::nullopt);
  } catch (const core::Interrupted& interrupted) {
    keep(interrupted.what());
    return core::ExitCode::kInterrupted;
  } catch (const train::DivergedError& diverged) {
    listing_->finish(train::RunStatus::kFailed, program_words(diverged.what()));
    throw train::DivergedError(fmt::format(
        "{}. Continue from the last good checkpoint with lower rates: margay train --resume {} --lr-factor 0.1",
        diverged.what(), folder_.path().string()));
  } catch (const std::exception& error) {
    listing_->finish(train::RunStatus::kFailed, program_words(error.what()));
    throw;
  }
  try {
    save_model();
  } catch (const core::IoError& error) {
    listing_->finish(train::RunStatus::kFailed, program_words(error.what()));
    throw core::Error(fmt::format("{}. Nothing is lost: free some space, then margay train --resume {}", error.what(),
                                  folder_.path().string()));
  }
  const std::vector<chart::LineChart> charts = training_charts(learner_);
  save_charts(charts);
  listing_->finish(train::RunStatus::kDone);
  report();
  fmt::print("\n{}\nThe model: {}\nTry it:    margay predict {} IMAGE\n", terminal_chart(charts),
             folder_.model().string(), folder_.model().string());
  return core::ExitCode::kDone;
}

}  // namespace margay::cli
