#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/evaluation_page.h"
#include "apps/cli/evaluation_text.h"
#include "apps/cli/judged_model.h"
#include "apps/cli/launch.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/processes.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/terminal.h"
#include "margay/core/machine.h"
#include "margay/core/text.h"
#include "margay/run/evaluation_report.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct EvaluateOptions {
  fs::path model;
  fs::path report;
  bool overwrite = false;
  fs::path predictions;
  bool json = false;
  bool all = false;
  int top_losses = 24;
  interpret::InterpretationOptions interpretation;
  JudgingOptions judging;
  bool has_threshold = false;  ///< no field: whether it was given

  static const core::OptionTable& fields() {
    using O = EvaluateOptions;
    static const core::OptionTable table(
        "evaluate",
        {core::field<&O::report>("report",
                                 "write a report into this folder: report.html, every number as JSON, tables as CSV, "
                                 "drawings as PNG and SVG, contact sheets, and the predictions"),
         core::field<&O::overwrite>("overwrite", "replace the files of a report that is there; nothing else is touched",
                                    {core::needs({"report", "evaluate.predictions"})}),
         core::field<&O::predictions>("predictions",
                                      "keep the predictions in this folder, which can stand in place of the model"),
         core::field<&O::json>("json", "print every number as one JSON document"),
         core::field<&O::all>("all", "show every class, pair and curve, not only the worst",
                              {core::excludes({"json"})}),
         core::field<&O::top_losses>("top_losses", "images in each list of top losses", {1, 1000}),
         core::field<&O::interpretation>("interpretation", "how numbers are computed"),
         core::field<&O::judging>("judging", "what the model is judged by")});
    return table;
  }
};

/// Whether someone asked for what needs all predictions.
bool needs_predictions(const EvaluateOptions& options) {
  return !options.report.empty() || !options.predictions.empty() || options.json || options.all ||
         options.judging.images.unlabelled;
}

/// The first lines alone, in memory that does not grow with the number of images.
core::ExitCode print_tally(JudgedModel& model, double threshold) {
  EvaluationTally tally(model.task(), threshold);
  model.stream([&](const predict::Predictions& batch) { tally.add(batch); }, "evaluate");
  print_text(tally.text());
  warn("the predictions of so many images would not fit into memory, so there are no tables; --report or --all tries");
  return core::ExitCode::kDone;
}

/// Folders that are written, checked before the network runs.
struct EvaluationFolders {
  std::optional<run::ReportFolder> report;
  std::optional<run::ReportFolder> predictions;

  explicit EvaluationFolders(const EvaluateOptions& options) {
    const auto existing = options.overwrite ? run::ExistingReport::kReplace : run::ExistingReport::kRefuse;
    if (!options.report.empty()) report.emplace(options.report, existing);
    if (!options.predictions.empty()) predictions.emplace(options.predictions, existing);
  }
};

void write_report(const run::Evaluation& evaluation, const EvaluateOptions& options, const JudgedModel& model,
                  run::ReportFolder& folder) {
  TerminalObserver observer;
  const int deep_bits = model.predictor() ? model.predictor()->bundle().transforms.deep_bits : 16;
  run::write_evaluation_report(evaluation, folder, observer,
                               {.top_losses = options.top_losses, .deep_bits = deep_bits});
  write_evaluation_page(evaluation, options.top_losses, model, folder);
  folder.remove_stale_files();
  if (options.json) return;
  print_out("\nReport: {} ({} files; start again from it: margay evaluate {})\n",
            shown_path(folder.path() / "report.html"), folder.files().size() + 2,
            core::shell_word(folder.path().string()));
}

void print_evaluation(const run::Evaluation& evaluation, const EvaluateOptions& options) {
  if (options.json) return print_json(evaluation.json({.top_losses = options.top_losses}));
  const auto extent = options.all ? EvaluationExtent::kAll : EvaluationExtent::kShort;
  print_drawing(evaluation_text(evaluation, extent, terminal_blocks()));
}

/// A process that computes its share for that of rank 0.
core::ExitCode judge_share(const EvaluateOptions& options, const std::shared_ptr<collective::Group>& group) {
  JudgedModel model(options.model, options.judging, group);
  if (!model.is_kept()) model.stream({}, "evaluate");
  return core::ExitCode::kDone;
}

core::ExitCode evaluate(EvaluateOptions options, const Launch& launch,
                        const std::shared_ptr<collective::Group>& group) {
  listen_for_stop();
  std::string& device = options.judging.predictor.device;
  device = own_device(device, launch);
  if (group->rank() > 0) return judge_share(options, group);
  EvaluationFolders folders(options);
  JudgedModel model(options.model, options.judging, group);
  if (options.has_threshold && model.task() == data::Task::kSingleLabel) {
    throw std::invalid_argument("[evaluate] --threshold is for multi-label models; this model predicts one class");
  }
  warn_of_each(model.warnings());
  if (!options.json) print_out("Judged: {}.\n", model.reason());
  const double threshold = options.interpretation.threshold;
  const std::uint64_t available = core::available_memory_bytes();
  const bool is_large = available > 0 && model.logit_bytes() > available / 2;
  if (is_large && !needs_predictions(options)) return print_tally(model, threshold);
  predict::KeptPredictions kept = model.predictions("evaluate");
  if (folders.predictions) predict::save_predictions(folders.predictions->path(), kept);
  if (!options.json && kept.has_labels()) {
    EvaluationTally tally(kept.task, threshold);
    tally.add(kept);
    print_text(tally.text());
  } else if (!options.json) {
    print_out("images    {}\n", kept.size());
  }
  const run::Evaluation evaluation(std::move(kept), options.interpretation);
  print_evaluation(evaluation, options);
  if (folders.report) write_report(evaluation, options, model, *folders.report);
  return core::ExitCode::kDone;
}

/// What kept predictions can still be asked; everything else was decided when they were computed.
const std::vector<std::string>& flags_of_kept_predictions() {
  static const std::vector<std::string> flags = {
      "model",        "folder",       "--report",     "--overwrite", "--predictions", "--json",
      "--all",        "--top-losses", "--threshold",  "--top-k",     "--order",       "--zero-division",
      "--replicates", "--seed",       "--confidence", "--threads",   "--pin-threads"};
  return flags;
}

void check_evaluate(const Command& command, const EvaluateOptions& options) {
  if (!predict::is_prediction_folder(options.model)) return;
  if (const auto flag = command.given_besides(flags_of_kept_predictions())) {
    throw UsageError(fmt::format("{} has no effect on predictions that were kept ({}); give the model", *flag,
                                 shown_path(options.model)));
  }
}

}  // namespace

void add_evaluate(CommandLine& line) {
  Command& command =
      line.add("evaluate", "Evaluate a model on labelled images: where it is wrong, and how sure that is");
  const auto options = std::make_shared<EvaluateOptions>();
  command.argument("model", options->model, "a model.margay, or a folder of kept predictions (of a report)",
                   Presence::kRequired);
  command.argument("folder", options->judging.images.folder, "the images");
  command.footer(
      "In the folder of the training the validation images are judged, wherever it now lies; in another folder all\n"
      "images. The first line says which, and why. Images that the model was trained on never validate.\n"
      "Labels and split are those of the model's training unless flags say otherwise.\n"
      "  margay evaluate model.margay images --report report\n"
      "  margay evaluate report --order size --report by-size     without running the network again");
  command.flags(*options);
  const auto processes = takes_processes(command);
  takes_compute_threads(command, processes);
  command.everyday({"--report", "--overwrite", "--predictions", "--json", "--all", "--order", "--top-losses", "--part",
                    "--unlabelled", "--unknown-classes", "--threshold", "--labels-csv", "--label-regex",
                    "--label-delimiter", "--batch-size", "--precision", "--device", "--tta"});
  command.check([options, &command] { check_evaluate(command, *options); });
  command.does([=, &command] {
    options->has_threshold = command.is_given("--threshold");
    return work_together(read_launch(*processes, launch_variables()),
                         [&](const Launch& launch, const std::shared_ptr<collective::Group>& group) {
                           return evaluate(*options, launch, group);
                         });
  });
}

}  // namespace margay::cli
