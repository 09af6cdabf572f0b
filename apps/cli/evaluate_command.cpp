#include <array>

#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/progress_line.h"
#include "margay/metric/metric.h"
#include "margay/metric/standard_error.h"
#include "margay/run/data_options.h"

namespace margay::cli {

/// Which images of the folder are judged.
enum class Part { kValid, kTrain, kAll };

constexpr auto names(Part /*tag*/) {
  return std::array{std::pair{Part::kValid, "valid"}, std::pair{Part::kTrain, "train"}, std::pair{Part::kAll, "all"}};
}

namespace {

struct EvaluateOptions {
  std::filesystem::path model;
  std::filesystem::path folder;
  Part part = Part::kValid;
  std::optional<double> threshold;
  run::DataOptions data;
  serve::PredictorOptions predictor;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "evaluate",
        {core::field<&EvaluateOptions::part>("part", "valid, train or all images of the folder"),
         core::field<&EvaluateOptions::threshold>(
             "threshold", "multi-label models: the probability above which a class is predicted; 0.5 by default",
             {0, 1}),
         core::field<&EvaluateOptions::data>("data", "labels and split"),
         core::field<&EvaluateOptions::predictor>("predictor", "how it is computed")});
    return table;
  }
};

/// Without any flag on labels and split, those of the training are used.
run::DataOptions labels_and_split(const EvaluateOptions& options, const bundle::Bundle& bundle) {
  const bool is_untouched = core::to_json(options.data) == core::to_json(run::DataOptions{});
  run::DataOptions data = options.data;
  if (is_untouched && bundle.provenance.contains("data")) core::from_json(bundle.provenance["data"], data);
  return data;
}

/// The images to judge, their labels numbered as the model numbers them.
std::shared_ptr<const data::Dataset> images_to_judge(const EvaluateOptions& options, const bundle::Bundle& bundle) {
  const bool takes_all = options.part == Part::kAll;
  const run::DataOptions flags = labels_and_split(options, bundle);
  data::DataBlock block =
      takes_all ? run::make_unsplit_block(options.folder, flags) : run::make_block(options.folder, flags);
  block.vocabulary(bundle.vocabulary);
  const data::Datasets datasets = block.datasets();
  // Where there is no split, warnings of one would be false.
  if (takes_all) warn_of_each(block.left_out().sentences());
  warn_of_each(takes_all ? block.warnings() : datasets.warnings);
  std::shared_ptr<const data::Dataset> dataset = options.part == Part::kValid ? datasets.valid : datasets.train;
  if (dataset->size() > 0 && dataset->task() != bundle.task) {
    throw core::DataError(options.folder,
                          fmt::format("the model's task is {}, the labels' {}; give the labels as for its training",
                                      core::to_text(bundle.task), core::to_text(dataset->task())));
  }
  if (dataset->size() > 0) return dataset;
  throw core::DataError(options.folder, "no image is in this part; --part all takes every image");
}

/// Sums over the predictions.
struct Tally {
  std::int64_t images = 0;
  double loss_sum = 0;
  metric::Accuracy accuracy;           ///< of single-label models
  metric::MultiLabelCounts decisions;  ///< of multi-label models
  std::vector<data::SkippedImage> skipped;

  double loss() const { return loss_sum / static_cast<double>(images); }
};

void print_single_label(const Tally& tally) {
  const double error = 1 - tally.accuracy.value();
  print_out(
      "images    {}\nerror_rate  {:.4f} ± {:.4f} (one standard error)\naccuracy    {:.4f}\nloss        {:.4f} "
      "(cross-entropy)\n",
      tally.images, error, metric::share_standard_error(error, tally.images), 1 - error, tally.loss());
}

void print_multi_label(const Tally& tally) {
  const metric::MultiLabelCounts& counts = tally.decisions;
  const double exact = counts.exact_match();
  print_out(
      "images        {}\nexact_match     {:.4f} ± {:.4f} (every class right; one standard error)\naccuracy_multi  "
      "{:.4f} (of all predictions)\nf1_multi        {:.4f} (mean over the classes)\nloss            {:.4f} (binary "
      "cross-entropy)\n",
      counts.images, exact, metric::share_standard_error(exact, counts.images), counts.accuracy(), counts.f1_macro(),
      tally.loss());
}

core::ExitCode evaluate(const EvaluateOptions& options) {
  const serve::Predictor predictor(bundle::load_bundle(options.model), options.predictor);
  const bool is_multi = predictor.is_multi_label();
  if (options.threshold && !is_multi) {
    throw std::invalid_argument("[evaluate] --threshold is for multi-label models; this model predicts one class");
  }
  Tally tally;
  const auto count = [&](const predict::Predictions& batch) {
    tally.skipped.insert(tally.skipped.end(), batch.skipped.begin(), batch.skipped.end());
    if (batch.size() == 0) return;
    tally.images += batch.size();
    tally.loss_sum += batch.losses.sum(torch::kDouble).item<double>();
    is_multi ? tally.decisions.add(batch.logits, batch.targets, options.threshold.value_or(0.5))
             : tally.accuracy.update(batch.logits, batch.targets);
  };
  stream_with_progress(predictor, images_to_judge(options, predictor.bundle()), count, "evaluate");
  for (const auto& skipped : tally.skipped) warn("left out " + skipped.problem);
  is_multi ? print_multi_label(tally) : print_single_label(tally);
  return core::ExitCode::kDone;
}

}  // namespace

void add_evaluate(CommandLine& line) {
  Command& command = line.add("evaluate", "Evaluate a model on labelled images");
  const auto options = std::make_shared<EvaluateOptions>();
  command.argument("model", options->model, "a model.margay", Presence::kRequired);
  command.argument("folder", options->folder, "the images", Presence::kRequired);
  command.footer("By default labels and split are those of the model's training.");
  command.flags(*options);
  takes_compute_threads(command);
  command.does([options] { return evaluate(*options); });
}

}  // namespace margay::cli
