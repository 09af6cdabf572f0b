#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/compute.h"
#include "apps/cli/config_flag.h"
#include "apps/cli/epoch_table.h"
#include "apps/cli/run_folder.h"
#include "apps/cli/stop_signal.h"
#include "apps/cli/train_options.h"
#include "margay/data/source/save_table.h"
#include "margay/train/callback/save_checkpoints.h"
#include "margay/train/callback/stop_when.h"
#include "margay/train/checkpoint/checkpoint.h"

namespace margay::cli {
namespace {

void warn(const std::string& text) { fmt::print(stderr, "margay: warning: {}\n", text); }

/// What the model file says of its making. `data` lets `margay evaluate` find labels and split again.
nlohmann::ordered_json provenance(const TrainOptions& options, const train::Learner& learner) {
  nlohmann::ordered_json json = {{"program", "margay " MARGAY_VERSION},
                                 {"data", core::to_json(options.batch.data)},
                                 {"epochs_done", learner.history().size()}};
  if (learner.history().empty()) return json;
  const train::EpochRecord& last = learner.history().back();
  json["valid_loss"] = last.valid_loss;
  for (std::size_t i = 0; i < last.metrics.size(); ++i) json[learner.metrics()[i]->name()] = last.metrics[i];
  return json;
}

void report_skipped(const train::Learner& learner) {
  for (const data::SkippedPicture& picture : learner.skipped()) warn("left out " + picture.problem);
}

void report_cache(const train::Learner& learner) {
  const std::optional<data::CacheStats> stats = learner.loaders().train.cache_stats();
  if (stats) fmt::print("cache: {}\n", stats->text());
}

void listen(train::Learner& learner, const RunFolder& run) {
  learner.add_callback(std::make_shared<EpochTable>());
  learner.add_callback(std::make_shared<train::SaveCheckpoints>(run.checkpoint(), [](const core::IoError& error) {
    warn(fmt::format("no checkpoint of this epoch, the previous one stays: {}", error.what()));
  }));
  listen_for_stop();
  learner.add_callback(std::make_shared<train::StopWhen>(is_stop_wanted));
}

void run_recipe(train::Learner& learner, const TrainOptions& options) {
  if (options.vision_learner.weights.empty()) {
    learner.fit_one_cycle(options.epochs, options.fine_tune.base_lr);
  } else {
    learner.fine_tune(options.epochs, options.fine_tune);
  }
}

/// Training was interrupted: keep everything there is.
void keep_interrupted(train::Learner& learner, const TrainOptions& options, const RunFolder& run,
                      const std::string& where) {
  train::save_checkpoint(run.checkpoint(), learner, {{"interrupted", where}});
  learner.save(run.model(), provenance(options, learner));
  run.write_history(learner);
  report_skipped(learner);
  fmt::print("\n{}. What was learnt so far is kept:\n  {}\n", where, run.model().string());
}

void announce(const train::Learner& learner, const TrainOptions& options) {
  const data::Loaders& loaders = learner.loaders();
  for (const std::string& warning : loaders.warnings) warn(warning);
  fmt::print("{} pictures train, {} validate, {} classes; {}, {}{}\n", loaders.train.dataset().size(),
             loaders.valid ? loaders.valid->dataset().size() : 0, loaders.vocabulary.size(), options.arch,
             core::to_text(learner.precision()),
             options.vision_learner.weights.empty() ? ", from scratch" : ", pretrained");
}

/// What the loaders serve, so that nothing is labelled and split a second time.
data::Datasets datasets_of(const data::Loaders& loaders) {
  const auto share = [](const data::Dataset& dataset) { return std::make_shared<data::Dataset>(dataset); };
  return {.train = share(loaders.train.dataset()),
          .valid = share(loaders.valid ? loaders.valid->dataset() : data::Dataset::unlabelled({})),
          .vocabulary = loaders.vocabulary};
}

core::ExitCode train_model(TrainOptions options) {
  prepare_to_compute();
  options.batch.loader.seed = options.vision_learner.seed;
  core::validate(options);
  train::Learner learner = train::vision_learner(make_block(options.batch).loaders(loader_options(options.batch)),
                                                 options.arch, options.vision_learner);
  const RunFolder run(options.runs, options.name);
  run.write_config(core::to_json(options));
  data::save_table(datasets_of(learner.loaders()), options.batch.folder, run.split(learner.loaders().task()));
  announce(learner, options);
  listen(learner, run);
  try {
    run_recipe(learner, options);
  } catch (const core::Interrupted& interrupted) {
    keep_interrupted(learner, options, run, interrupted.what());
    return core::ExitCode::kInterrupted;
  }
  learner.save(run.model(), provenance(options, learner));
  run.write_history(learner);
  report_skipped(learner);
  report_cache(learner);
  fmt::print("\nThe model: {}\nTry it:    margay predict {} PICTURE\n", run.model().string(), run.model().string());
  return core::ExitCode::kDone;
}

}  // namespace

void add_train(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("train", "Train a classifier on a folder of pictures");
  const auto options = std::make_shared<TrainOptions>();
  command->add_option("folder", options->batch.folder,
                      "the pictures: a folder per class, or any folder with --label-regex or --labels-csv");
  add_config_flag(*command, *options);
  add_flags(*command, *options, train_flag_names());
  command->callback([options, &action] {
    if (options->batch.folder.empty()) throw CLI::RequiredError("the folder of pictures");
    action = [options] { return train_model(*options); };
  });
}

}  // namespace margay::cli
