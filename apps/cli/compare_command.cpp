#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/evaluation_text.h"
#include "apps/cli/judged_model.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/progress_line.h"
#include "margay/interpret/compare_models.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct CompareOptions {
  fs::path first;
  fs::path second;
  double threshold = 0.5;
  int images = 20;
  bool json = false;
  JudgingOptions judging;

  static const core::OptionTable& fields() {
    using O = CompareOptions;
    static const core::OptionTable table(
        "compare", {core::field<&O::threshold>(
                        "threshold", "several labels: the probability above which a class is predicted", {0, 1}),
                    core::field<&O::images>("differing", "images to list on which the two differ", {0, 1e6}),
                    core::field<&O::json>("json", "print every number and differing image as one JSON document"),
                    core::field<&O::judging>("judging", "what the models are judged by")});
    return table;
  }
};

/// The images of one model, then its predictions; the network is gone when the second one runs.
predict::KeptPredictions judged(const fs::path& model, const CompareOptions& options) {
  JudgingOptions judging = options.judging;
  if (predict::is_prediction_folder(model)) judging.images.folder.clear();  // what was kept is what is compared
  JudgedModel judged(model, judging);
  warn_of_each(judged.warnings());
  if (!options.json) print_out("Judged by {}: {}.\n", shown_path(model), judged.reason());
  return judged.predictions(model_name(model));
}

core::ExitCode compare(const CompareOptions& options) {
  listen_for_stop();
  const predict::KeptPredictions first = judged(options.first, options);
  const predict::KeptPredictions second = judged(options.second, options);
  const interpret::ModelComparison comparison = interpret::compare_models(first, second, options.threshold);
  if (options.json) {
    print_json(comparison.json());
  } else {
    print_drawing(comparison_text(comparison, options.first.string(), options.second.string(),
                                  static_cast<std::size_t>(options.images), terminal_blocks()));
  }
  return core::ExitCode::kDone;
}

void check_compare(const Command& command, const CompareOptions& options) {
  const bool are_kept = predict::is_prediction_folder(options.first) && predict::is_prediction_folder(options.second);
  const auto needless =
      command.given_besides({"first", "second", "--threshold", "--differing", "--json", "--threads", "--pin-threads"});
  if (are_kept && needless) {
    throw UsageError(fmt::format("both are predictions that were kept, so no image is read; leave {} out", *needless));
  }
  if (options.judging.images.unlabelled) {
    throw UsageError("without labels nothing says which of two models is right; leave out --unlabelled");
  }
}

}  // namespace

void add_compare(CommandLine& line) {
  Command& command = line.add("compare", "Compare two models on the same labelled images");
  const auto options = std::make_shared<CompareOptions>();
  command.argument("first", options->first, "a model.margay, or a folder of kept predictions", Presence::kRequired);
  command.argument("second", options->second, "the other one", Presence::kRequired);
  command.argument("folder", options->judging.images.folder, "the images");
  command.footer(
      "margay compare old.margay new.margay images --part all\n"
      "margay compare report-of-old new.margay images      the network of the old one does not run again\n"
      "Images that both judge are compared. Each is judged by its own validation set in the folder of its training,\n"
      "unless --part says otherwise; a folder that neither was trained on is judged whole.");
  command.flags(*options);
  takes_compute_threads(command);
  command.everyday({"--json", "--differing", "--part", "--unknown-classes", "--threshold", "--labels-csv",
                    "--label-regex", "--label-delimiter", "--batch-size", "--precision", "--device", "--tta"});
  command.check([options, &command] { check_compare(command, *options); });
  command.does([options] { return compare(*options); });
}

}  // namespace margay::cli
