#include <cstdio>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "margay/core/counted.h"
#include "margay/data/source/names.h"
#include "margay/metric/metric.h"
#include "margay/metric/standard_error.h"
#include "margay/run/evaluation_set.h"

namespace margay::cli {

namespace {

struct EvaluateOptions {
  std::filesystem::path model;
  std::optional<double> threshold;
  run::EvaluationOptions images;
  serve::PredictorOptions predictor;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "evaluate",
        {core::field<&EvaluateOptions::images>("images", "what the model is judged by"),
         core::field<&EvaluateOptions::threshold>(
             "threshold", "multi-label models: the probability above which a class is predicted; 0.5 by default",
             {0, 1}),
         core::field<&EvaluateOptions::predictor>("predictor", "how it is computed")});
    return table;
  }
};

/// Sums over the predictions.
struct Tally {
  std::int64_t images = 0;
  double loss_sum = 0;
  metric::Accuracy accuracy;           ///< of single-label models
  metric::MultiLabelCounts decisions;  ///< of multi-label models
  std::vector<data::SkippedImage> skipped;
  data::NameList trained;  ///< images that the model was trained on, which are left out

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

/// The rows of a batch whose images count; of the others the names.
std::vector<std::int64_t> rows_that_count(const predict::Predictions& batch, const run::EvaluationSet& set,
                                          data::NameList& trained) {
  std::vector<std::int64_t> rows;
  for (std::size_t row = 0; row < batch.ids.size(); ++row) {
    const std::size_t id = batch.ids[row];
    if (set.counts(id)) {
      rows.push_back(static_cast<std::int64_t>(row));
    } else {
      trained.add(set.images()->path(id).string());
    }
  }
  return rows;
}

/// Throws core::DataError if nothing else was there.
void tell_of_trained(const Tally& tally, const run::EvaluationOptions& images) {
  if (tally.trained.empty()) return;
  if (tally.images == 0) {
    throw core::DataError(
        images.folder,
        fmt::format("the model was trained on everything that was to be judged ({}), as the contents say; --part all "
                    "judges it nevertheless",
                    core::counted(tally.trained.size(), "image")));
  }
  warn(fmt::format("left out {} with the contents of images that the model was trained on: {}",
                   core::counted(tally.trained.size(), "image"), tally.trained.text()));
}

core::ExitCode evaluate(const EvaluateOptions& options) {
  const serve::Predictor predictor(bundle::load_bundle(options.model), options.predictor);
  const bool is_multi = predictor.is_multi_label();
  if (options.threshold && !is_multi) {
    throw std::invalid_argument("[evaluate] --threshold is for multi-label models; this model predicts one class");
  }
  const run::EvaluationSet set(options.images, predictor.bundle(), options.model);
  warn_of_each(set.warnings());
  print_out("Judged: {}.\n", program_words(set.reason()));
  Tally tally;
  const auto count = [&](const predict::Predictions& batch) {
    tally.skipped.insert(tally.skipped.end(), batch.skipped.begin(), batch.skipped.end());
    const std::vector<std::int64_t> rows = rows_that_count(batch, set, tally.trained);
    if (rows.empty()) return;
    const torch::Tensor index = torch::tensor(rows);
    const torch::Tensor logits = batch.logits.index_select(0, index);
    const torch::Tensor targets = batch.targets.index_select(0, index);
    tally.images += static_cast<std::int64_t>(rows.size());
    tally.loss_sum += batch.losses.index_select(0, index).sum(torch::kDouble).item<double>();
    is_multi ? tally.decisions.add(logits, targets, options.threshold.value_or(0.5))
             : tally.accuracy.update(logits, targets);
  };
  stream_with_progress(predictor, set.images(), count, "evaluate");
  for (const auto& skipped : tally.skipped) warn("left out " + skipped.problem);
  tell_of_trained(tally, options.images);
  is_multi ? print_multi_label(tally) : print_single_label(tally);
  return core::ExitCode::kDone;
}

}  // namespace

void add_evaluate(CommandLine& line) {
  Command& command = line.add("evaluate", "Evaluate a model on labelled images");
  const auto options = std::make_shared<EvaluateOptions>();
  command.argument("model", options->model, "a model.margay", Presence::kRequired);
  command.argument("folder", options->images.folder, "the images", Presence::kRequired);
  command.footer(
      "In the folder of the training the validation images are judged, wherever it now lies; in another folder all\n"
      "images. The first line says which, and why. Images that the model was trained on never validate.\n"
      "Labels and split are those of the model's training unless flags say otherwise.");
  command.flags(*options);
  takes_compute_threads(command);
  command.does([options] { return evaluate(*options); });
}

}  // namespace margay::cli
