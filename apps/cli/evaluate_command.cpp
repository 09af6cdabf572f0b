#include <array>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <torch/types.h>

#include "apps/cli/command.h"
#include "apps/cli/compute.h"
#include "apps/cli/data_flags.h"
#include "apps/cli/flags.h"
#include "apps/cli/predict_with_progress.h"
#include "margay/loss/cross_entropy.h"
#include "margay/metric/accuracy.h"

namespace margay::cli {

/// Which pictures of the folder are judged.
enum class Part { kValid, kTrain, kAll };

constexpr auto names(Part /*tag*/) {
  return std::array{std::pair{Part::kValid, "valid"}, std::pair{Part::kTrain, "train"}, std::pair{Part::kAll, "all"}};
}

namespace {

struct EvaluateOptions {
  std::filesystem::path model;
  std::filesystem::path folder;
  Part part = Part::kValid;
  DataOptions data;
  serve::PredictorOptions predictor;

  static constexpr const char* kName = "evaluate";
  static constexpr auto fields() {
    return std::tuple{core::field("part", &EvaluateOptions::part, "valid, train or all pictures of the folder"),
                      core::field("data", &EvaluateOptions::data, "labels and split"),
                      core::field("predictor", &EvaluateOptions::predictor, "how it is computed")};
  }
};

/// Without any flag on labels and split, those of the training are used. All pictures need no split.
DataOptions labels_and_split(const EvaluateOptions& options, const bundle::Bundle& bundle) {
  const bool is_untouched = core::to_json(options.data) == core::to_json(DataOptions{});
  DataOptions data = options.data;
  if (is_untouched && bundle.provenance.contains("data")) core::from_json(bundle.provenance["data"], data);
  if (options.part == Part::kAll) data.valid_csv.clear();
  return data;
}

std::vector<data::Item> items_of(const data::Datasets& datasets, Part part) {
  std::vector<data::Item> items;
  const auto add = [&](const data::Dataset& dataset) {
    items.insert(items.end(), dataset.items.begin(), dataset.items.end());
  };
  if (part != Part::kValid) add(*datasets.train);
  if (part != Part::kTrain) add(*datasets.valid);
  return items;
}

std::vector<std::filesystem::path> paths_of(const std::vector<data::Item>& items) {
  std::vector<std::filesystem::path> paths;
  for (const data::Item& item : items) paths.push_back(item.path);
  return paths;
}

torch::Tensor targets_of(const std::vector<data::Item>& items, const std::vector<std::size_t>& ids,
                         const data::Vocabulary& vocabulary) {
  std::vector<std::int64_t> targets;
  for (const std::size_t id : ids) {
    try {
      targets.push_back(vocabulary.index(items[id].label));
    } catch (const std::invalid_argument& error) {
      throw core::DataError(items[id].path, std::string("the model does not know its label: ") + error.what());
    }
  }
  return torch::tensor(targets, torch::kLong);
}

void print_result(const serve::PredictionTable& table, const torch::Tensor& targets) {
  const double error = metric::error_rate(table.logits, targets);
  const auto n = static_cast<double>(targets.size(0));
  const double standard_error = std::sqrt(error * (1 - error) / n);  // of a share, binomial
  const auto loss = loss::cross_entropy(table.logits, targets).item<double>();
  fmt::print(
      "pictures    {}\nerror_rate  {:.4f} ± {:.4f} (one standard error)\naccuracy    {:.4f}\nloss        {:.4f} "
      "(cross-entropy)\n",
      targets.size(0), error, standard_error, 1 - error, loss);
}

core::ExitCode evaluate(const EvaluateOptions& options) {
  prepare_to_compute();
  const serve::Predictor predictor(bundle::load_bundle(options.model), options.predictor);
  const data::Datasets datasets = make_block(options.folder, labels_and_split(options, predictor.bundle())).datasets();
  const std::vector<data::Item> items = items_of(datasets, options.part);
  if (items.empty()) {
    throw core::DataError(options.folder, "no picture is in this part; --part all judges every picture");
  }
  std::vector<std::size_t> all(items.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  targets_of(items, all, predictor.vocabulary());  // an unknown label is told before the work, not after
  const auto table = predict_with_progress(predictor, paths_of(items), "evaluate");
  for (const auto& skipped : table.skipped) fmt::print(stderr, "margay: warning: left out {}\n", skipped.problem);
  print_result(table, targets_of(items, table.ids, predictor.vocabulary()));
  return core::ExitCode::kDone;
}

}  // namespace

void add_evaluate(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("evaluate", "Judge a model on labelled pictures");
  const auto options = std::make_shared<EvaluateOptions>();
  command->add_option("model", options->model, "a model.margay")->required();
  command->add_option("folder", options->folder, "the pictures")->required();
  command->footer("Without flags on labels and split, those the model was trained with are used.");
  add_flags(*command, *options);
  command->callback([options, &action] { action = [options] { return evaluate(*options); }; });
}

}  // namespace margay::cli
