#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/launch.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/processes.h"
#include "apps/cli/terminal.h"
#include "apps/cli/train_flags.h"
#include "apps/cli/weights_choice.h"
#include "margay/core/file.h"
#include "margay/core/text.h"
#include "margay/run/train_options.h"
#include "margay/run/training_charts.h"
#include "margay/run/training_run.h"

namespace margay::cli {
namespace {

struct LrFindOptions {
  std::string arch = "resnet18";
  run::BatchOptions batch;
  train::VisionLearnerOptions vision_learner;
  train::LrSweepOptions sweep;
  bool unfrozen = false;
  std::filesystem::path out = "lr-find.png";
  std::filesystem::path csv;
  bool json = false;

  static const core::OptionTable& fields() {
    using O = LrFindOptions;
    static const core::OptionTable table(
        "lr_find_command",
        {core::field<&O::arch>("arch", "network, as for train"), core::field<&O::batch>("batch", "the data"),
         core::field<&O::vision_learner>("vision_learner", "network and optimizer"),
         core::field<&O::sweep>("sweep", "the rates"),
         core::field<&O::unfrozen>("unfrozen", "let pretrained layers train as well"),
         core::field<&O::out>("out", "write the curve to this image, .png or .svg"),
         core::field<&O::csv>("csv", "write the curve to this table: lr,loss"),
         core::field<&O::json>("json", "print curve and suggestions as one JSON document")});
    return table;
  }
};

std::string csv_text(const train::LrCurve& curve) {
  std::string text = "lr,loss\n";
  for (std::size_t i = 0; i < curve.lrs.size(); ++i) text += fmt::format("{},{}\n", curve.lrs[i], curve.losses[i]);
  return text;
}

nlohmann::ordered_json json_of(const train::LrFindResult& found) {
  nlohmann::ordered_json json = {
      {"lrs", found.curve.lrs}, {"losses", found.curve.losses}, {"suggestions", nlohmann::ordered_json::array()}};
  for (const train::LrSuggestion& each : found.suggestions) {
    json["suggestions"].push_back({{"name", each.name}, {"lr", each.lr}, {"rule", each.rule}});
  }
  return json;
}

std::string suggestions_text(const train::LrFindResult& found) {
  if (found.suggestions.empty()) return "There is no suggestion: the loss never fell. Try other rates or more steps.\n";
  using enum core::TextTable::Align;
  core::TextTable table({{"rule", kLeft}, {"lr"}, {"what it takes", kLeft}});
  for (const train::LrSuggestion& each : found.suggestions)
    table.add({each.name, fmt::format("{:.2e}", each.lr), each.rule});
  return table.text("");
}

/// Before the sweep, which may take many minutes.
void check_files(const LrFindOptions& options) {
  if (!options.json) run::check_chart_path(options.out);
  if (!options.csv.empty()) core::check_writable(options.csv);
}

core::ExitCode show(const train::LrFindResult& found, const LrFindOptions& options) {
  const std::vector<chart::LineChart> charts = {run::lr_find_chart(found)};
  if (options.json) {
    print_json(json_of(found));
  } else {
    print_drawing(terminal_chart(charts));
    print_out("\n{}\n", suggestions_text(found));
  }
  FileOutputs files;
  if (!options.csv.empty()) files.write([&] { core::write_file_atomically(options.csv, csv_text(found.curve)); });
  if (options.json || !files.write([&] { save_chart(charts, options.out); })) return files.code();
  print_out("The curve: {}\n", shown_path(options.out));
  return files.code();
}

/// The learner of one of the processes; that of rank 0 says what there is to say.
train::Learner make_learner(LrFindOptions& options, run::Observer& observer,
                            const std::shared_ptr<collective::Group>& group) {
  const bool is_first = group->rank() == 0;
  train::VisionLearnerOptions& learner_options = options.vision_learner;
  choose_weights(learner_options.weights, learner_options.weights_sha256, options.arch, [&](const std::string& text) {
    if (is_first) complain(text);
  });
  learner_options.weights = run::resolve_weights(learner_options.weights, options.arch, user_cache_folder());
  const std::optional<model::PretrainedFile> weights =
      run::follow_weights(options.batch, {learner_options.weights, learner_options.weights_sha256},
                          learner_options.arithmetic, options.arch, observer);
  train::Learner learner = train::vision_learner(run::make_loaders(options.batch, user_cache_folder()), options.arch,
                                                 learner_options, weights);
  learner.set_group(group);
  if (options.unfrozen) learner.unfreeze();
  if (!is_first) return learner;
  warn_of_each(learner.loaders().warnings);
  if (learner_options.weights.empty()) {
    complain(from_scratch_text(run::from_scratch(options.arch, user_cache_folder())));
  }
  return learner;
}

core::ExitCode find(LrFindOptions options, const Launch& launch, const std::shared_ptr<collective::Group>& group) {
  options.batch.loader.seed = options.vision_learner.seed;
  std::string& device = options.vision_learner.learner.device;
  device = own_device(device, launch);
  core::validate(options);
  if (group->rank() == 0) check_files(options);
  const std::unique_ptr<run::Observer> observer = make_observer(group->rank());
  train::Learner learner = make_learner(options, *observer, group);
  listen_for_stop();
  const train::LrFindResult found = run::search_lr(learner, *observer, options.sweep);
  return group->rank() == 0 ? show(found, options) : core::ExitCode::kDone;
}

}  // namespace

void add_lr_find(CommandLine& line) {
  Command& command = line.add("lr-find", "Sweep the learning rate, draw the loss over it, suggest rates");
  const auto options = std::make_shared<LrFindOptions>();
  command.argument("folder", options->batch.folder, "the images, as for train", Presence::kRequired);
  command.flags(*options, train_flag_names());
  const auto processes = takes_processes(command);
  takes_compute_threads(command, processes);
  command.everyday(
      everyday_flags({"--arch", "--weights", "--seed", "--start-lr", "--end-lr", "--num-it", "--stop-div", "--unfrozen",
                      "--optimizer", "--loss", "--precision", "--device", "--out", "--csv", "--json"}));
  command.does([=, &command] {
    default_weights(command, options->vision_learner.weights, options->arch);
    return work_together(read_launch(*processes, launch_variables()),
                         [&](const Launch& launch, const std::shared_ptr<collective::Group>& group) {
                           return find(*options, launch, group);
                         });
  });
}

}  // namespace margay::cli
