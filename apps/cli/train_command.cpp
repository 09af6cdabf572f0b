#include <csignal>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/launch.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/processes.h"
#include "apps/cli/terminal.h"
#include "apps/cli/train_flags.h"
#include "apps/cli/weights_choice.h"
#include "margay/core/text.h"
#include "margay/data/source/text_file.h"
#include "margay/run/start_training.h"
#include "margay/train/recipe/recipe_text.h"

namespace margay::cli {
namespace {

/// --resume takes the run's own settings: another one beside it would be lost. Only what has moved is named anew.
void refuse_other_flags(const Command& command) {
  const auto other = command.given_besides(
      {"folder",         "--resume",       "--data",      "--lr-factor", "--runs",         "--labels-csv",
       "--valid-csv",    "--valid-list",   "--weights",   "--teacher",   "--cache-folder", "--threads",
       "--pin-threads",  "--master",       "--rank",      "--world",     "--interface",    "--backend",
       "--join-seconds", "--wait-minutes", "--lost-after"});
  if (!other) return;
  throw UsageError(
      *other +
      ": --resume continues with the settings of the run, and takes only the new places of what has moved "
      "(--data, --labels-csv, --valid-csv, --valid-list, --weights, --teacher, --cache-folder); leave this "
      "flag out, or begin a new run with --config RUN/config.json");
}

/// The new places of what a run reads. The folder of images may stand without its flag.
run::ResumeOptions with_moved_files(run::ResumeOptions resume, const run::TrainOptions& given) {
  const run::DataOptions& data = given.batch.data;
  resume.moved = {.labels_csv = data.labels_csv,
                  .valid_csv = data.valid_csv,
                  .valid_list = data.valid_list,
                  .weights = given.vision_learner.weights,
                  .teacher = given.distillation.teacher,
                  .cache_folder = given.batch.loader.cache_folder};
  if (resume.data.empty()) resume.data = given.batch.folder;
  return resume;
}

bool has_checkpoint(const std::filesystem::path& run) {
  std::error_code none;
  const std::filesystem::path folder = run / "checkpoints";
  return std::filesystem::is_directory(folder, none) && !std::filesystem::is_empty(folder, none);
}

/// What a user can do about a run that ended early, with the command to paste.
std::string remedy_of(const run::RunError& error) {
  using enum run::RunError::Reason;
  const std::string goes_on = "margay train --resume " + core::shell_word(error.folder().string());
  const std::string anew = "margay train --config " + core::shell_word((error.folder() / "config.json").string());
  switch (error.reason()) {
    case kDiverged:
      return "Continue from the last good checkpoint with lower rates: " + goes_on + " --lr-factor 0.1";
    case kOutOfMemory:
      return "Train anew with what fits: " + anew + " --auto-batch-size" +
             (has_checkpoint(error.folder()) ? "; or go on when more is free: " + goes_on : "");
    case kModelNotSaved:
      return has_checkpoint(error.folder())
                 ? "Nothing is lost: free some space, then " + goes_on
                 : "There is no checkpoint either: free some space, then train anew: " + anew;
  }
  throw core::InternalError("a reason outside its enum");
}

core::Error with_remedy(const run::RunError& error) {
  return core::Error(fmt::format("{}. {}", error.what(), remedy_of(error)));
}

/// Of a training that was asked to stop and has written what it needs to go on. A cluster takes 0 for a job that may be
/// put back into its queue; ctrl-C is what it is for other programs.
core::ExitCode code_of_stop(bool is_one) {
  if (stop_signal() == SIGUSR1 || (!is_one && stop_signal() != SIGINT)) return core::ExitCode::kDone;
  return core::ExitCode::kInterrupted;
}

/// The run that this start by a launcher goes on with, if it began one before it was started again.
std::filesystem::path begun_run(const Launch& launch, const run::TrainOptions& options, collective::Group& group) {
  if (launch.restarts == 0 || launch.id.empty()) return {};
  const std::string mine = group.rank() == 0 ? run::run_of_launch(options.runs, options.launch).string() : "";
  return collective::from_first(group, mine);
}

/// is_given: which options are on the command line, as some of them need the weights that only this finds.
core::ExitCode train(run::TrainOptions options, run::ResumeOptions resume, const Launch& launch,
                     const std::shared_ptr<collective::Group>& group, const core::IsGiven& is_given) {
  const std::unique_ptr<run::Observer> observing = make_observer(group->rank());
  run::Observer& observer = *observing;
  try {
    if (group->size() > 1) print_out("{}\n", members_text(*group));
    options.launch = launch.id;
    std::string& device = options.vision_learner.learner.device;
    device = own_device(device, launch);
    if (resume.resume.empty()) {
      resume.resume = begun_run(launch, options, *group);  // the same command, so nothing has moved
    } else {
      resume = with_moved_files(resume, options);
    }
    if (resume.resume.empty()) {
      choose_weights(options.vision_learner.weights, options.vision_learner.weights_sha256, options.arch,
                     [](const std::string& text) { print_out("{}\n", text); });
      core::check_rules(options, is_given);
    }
    const run::Outcome outcome = resume.resume.empty()
                                     ? run::start_training(options, user_cache_folder(), observer, group)
                                     : run::resume_training(resume, options.runs, user_cache_folder(), observer, group);
    standard_output().reset();  // what is lost of it is but a log, of which history.csv has the numbers
    return outcome == run::Outcome::kDone ? core::ExitCode::kDone : code_of_stop(group->size() == 1);
  } catch (const run::RunError& error) {
    if (group->rank() != 0) throw core::Error(error.what());  // rank 0 says what can be done
    throw with_remedy(error);
  }
}

}  // namespace

std::string read_recipe(const std::string& path) {
  try {
    std::string recipe;
    data::for_each_line(data::read_text(path),
                        [&](std::size_t /*number*/, std::string_view line) { recipe.append(line) += '\n'; });
    train::parse_recipe(recipe);
    return recipe;
  } catch (const core::DataError& error) {
    throw UsageError(error.what());
  } catch (const std::invalid_argument& error) {
    throw UsageError(path + ": " + error.what());
  }
}

void add_train(CommandLine& line) {
  Command& command = line.add("train", "Train a classifier on a folder of images");
  const auto options = std::make_shared<run::TrainOptions>();
  const auto resume = std::make_shared<run::ResumeOptions>();
  command.argument("folder", options->batch.folder,
                   "the images: a folder per class, or any folder with --label-regex or --labels-csv");
  command.config_flag(*options);
  command.flags(*resume);
  command.flags(*options, train_flag_names());
  command.flag("--recipe", "FILE", "a file with the stages to train, one per line, such as: freeze 3 epochs at 3e-3",
               [options](const std::string& path) { options->recipe = read_recipe(path); });
  const auto processes = takes_processes(command);
  takes_compute_threads(command, processes);
  command.everyday(everyday_flags(
      {"--config",        "--resume",    "--name",      "--runs", "--arch",      "--weights", "--epochs",
       "--freeze-epochs", "--init-head", "--base-lr",   "--lr",   "--minutes",   "--recipe",  "--repeats",
       "--seed",          "--cache",     "--optimizer", "--loss", "--precision", "--device",  "--keep-best"}));
  command.check([=, &command] {
    if (!resume->resume.empty()) {
      if (!resume->data.empty() && !options->batch.folder.empty()) {
        throw UsageError("--data and the folder both say where the images are; give one");
      }
      return refuse_other_flags(command);
    }
    if (options->batch.folder.empty()) throw UsageError("the folder of images is required");
    default_weights(command, options->vision_learner.weights, options->arch);
  });
  command.does([=, &command] {
    const auto is_given = [&](const std::string& key) {
      const std::size_t dot = key.find('.');
      const auto flag = flag_name(key.substr(0, dot), key.substr(dot + 1), train_flag_names());
      return flag && command.is_given(*flag);
    };
    return work_together(read_launch(*processes, launch_variables()),
                         [&](const Launch& launch, const std::shared_ptr<collective::Group>& group) {
                           return train(*options, *resume, launch, group, is_given);
                         });
  });
}

}  // namespace margay::cli
