#include <fstream>

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
    if (option->count() == 0 || name == "--resume" || name == "--lr-factor") continue;
    throw CLI::ValidationError(name +
                               ": --resume goes on with the settings that the run began with; leave it out, or "
                               "begin a new run with --config RUN/config.json");
  }
}

/// Flags that another makes mean nothing are refused.
void refuse_idle_flags(const CLI::App& command) {
  struct Rule {
    const char* flag;
    std::vector<const char*> idle;
  };
  static const std::vector<Rule> kRules = {
      {"--recipe", {"--epochs", "--base-lr", "--freeze-epochs", "--lr-mult", "--pct-start", "--div"}},
      {"--lr", {"--base-lr"}},
      {"--auto-batch-size", {"--batch-size"}}};
  for (const Rule& rule : kRules) {
    if (command.count(rule.flag) == 0) continue;
    for (const char* idle : rule.idle) {
      if (command.count(idle) > 0)
        throw CLI::ValidationError(fmt::format("{}: means nothing beside {}", idle, rule.flag));
    }
  }
  const std::vector<Rule> needs = {{"--teacher", {"--distill-temperature", "--distill-alpha"}},
                                   {"--auto-batch-size", {"--memory-limit-mb", "--largest-batch", "--memory-share"}},
                                   {"--weights", {"--freeze-epochs", "--lr-mult"}}};
  for (const Rule& rule : needs) {
    if (command.count(rule.flag) > 0 || command.count("--config") > 0) continue;
    for (const char* idle : rule.idle) {
      if (command.count(idle) > 0) throw CLI::ValidationError(fmt::format("{}: needs {}", idle, rule.flag));
    }
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
      action = [resume] { return resume_training(*resume); };
      return;
    }
    refuse_idle_flags(*command);
    if (options->batch.folder.empty()) throw CLI::RequiredError("the folder of pictures");
    if (resume->lr_factor != 1) throw CLI::RequiredError("--lr-factor changes a run that goes on, so --resume");
    action = [options] { return start_training(*options); };
  });
}

}  // namespace margay::cli
