#include <algorithm>
#include <fstream>
#include <vector>

#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/config_flag.h"
#include "apps/cli/start_training.h"
#include "apps/cli/train_options.h"
#include "margay/train/recipe/recipe_text.h"

namespace margay::cli {
namespace {

/// --resume takes the run's own settings: another one beside it would be lost.
void refuse_other_flags(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    const std::string name = option->get_name();
    if (option->count() == 0 || name == "--resume" || name == "--lr-factor" || name == "--runs") continue;
    throw CLI::ValidationError(name +
                               ": --resume goes on with the settings that the run began with; leave it out, or "
                               "begin a new run with --config RUN/config.json");
  }
}

using FlagNames = std::vector<const char*>;

/// The first of the flags that was given, or null.
const char* given_of(const CLI::App& command, const FlagNames& flags) {
  const auto given =
      std::find_if(flags.begin(), flags.end(), [&](const char* flag) { return command.count(flag) > 0; });
  return given == flags.end() ? nullptr : *given;
}

/// Flags without a meaning are refused, because of another that is set (by --config, too) or for want of one.
void refuse_idle_flags(const CLI::App& command, const TrainOptions& options) {
  struct Rule {
    const char* flag;
    bool is_set;
    FlagNames idle_beside;
    FlagNames idle_without;
  };
  const std::vector<Rule> rules = {
      {"--recipe",
       !options.recipe.empty(),
       {"--epochs", "--base-lr", "--freeze-epochs", "--lr-mult", "--pct-start", "--div"},
       {}},
      {"--lr", !options.lr.empty(), {"--base-lr"}, {}},
      {"--auto-batch-size",
       options.auto_batch_size,
       {"--batch-size"},
       {"--memory-limit-mb", "--largest-batch", "--memory-share"}},
      {"--teacher", !options.distillation.teacher.empty(), {}, {"--distill-temperature", "--distill-alpha"}},
      {"--weights",
       !options.vision_learner.weights.empty(),
       {},
       {"--freeze-epochs", "--lr-mult", "--pct-start", "--div", "--weights-sha256"}}};
  for (const Rule& rule : rules) {
    const char* idle = given_of(command, rule.is_set ? rule.idle_beside : rule.idle_without);
    if (idle == nullptr) continue;
    throw CLI::ValidationError(rule.is_set ? fmt::format("{}: means nothing beside {}", idle, rule.flag)
                                           : fmt::format("{}: needs {}", idle, rule.flag));
  }
}

void add_recipe_flag(CLI::App& command, std::string& recipe) {
  const auto read = [&recipe](const std::string& path) {
    std::ifstream file(path);
    if (!file) throw CLI::FileError::Missing(path);
    recipe = std::string(std::istreambuf_iterator<char>(file), {});
    try {
      train::parse_recipe(recipe);
    } catch (const std::invalid_argument& error) {
      throw CLI::ValidationError(path + ": " + error.what());
    }
  };
  command
      .add_option_function<std::string>("--recipe", read,
                                        "a file with the stages to train, one a line, such as: freeze 3 epochs at 3e-3")
      ->type_name("FILE");
}

}  // namespace

void add_train(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("train", "Train a classifier on a folder of pictures");
  const auto options = std::make_shared<TrainOptions>();
  const auto resume = std::make_shared<ResumeOptions>();
  command->add_option("folder", options->batch.folder,
                      "the pictures: a folder per class, or any folder with --label-regex or --labels-csv");
  add_config_flag(*command, *options);
  add_flags(*command, *resume);
  add_flags(*command, *options, train_flag_names());
  add_recipe_flag(*command, options->recipe);
  command->callback([=, &action] {
    if (!resume->resume.empty()) {
      refuse_other_flags(*command);
      action = [=] { return resume_training(*resume, options->runs); };
      return;
    }
    refuse_idle_flags(*command, *options);
    if (options->batch.folder.empty()) throw CLI::RequiredError("the folder of pictures");
    if (resume->lr_factor != 1) throw CLI::RequiredError("--lr-factor changes a run that goes on, so --resume");
    action = [options] { return start_training(*options); };
  });
}

}  // namespace margay::cli
