#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/process.h"
#include "apps/cli/progress_line.h"
#include "margay/core/text.h"
#include "margay/data/source/csv.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct PredictOptions {
  fs::path model;
  std::vector<fs::path> images;
  int top = 3;
  std::optional<double> threshold;
  bool json = false;
  bool csv = false;
  serve::PredictorOptions predictor;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "predict", {core::field<&PredictOptions::top>("top", "classes to list for each image", {1, 1000}),
                    core::field<&PredictOptions::threshold>(
                        "threshold",
                        "multi-label models: the probability above which a class is predicted; 0.5 by default", {0, 1}),
                    core::field<&PredictOptions::json>("json", "one JSON object per line"),
                    core::field<&PredictOptions::csv>("csv", "a table: path,rank,label,probability"),
                    core::field<&PredictOptions::predictor>("predictor", "how it is computed")});
    return table;
  }
};

/// One line of a prediction.
struct Guess {
  std::string label;
  double probability;
};

std::vector<Guess> best_guesses(const torch::Tensor& probabilities, const data::Vocabulary& vocabulary, int top) {
  const auto count = std::min<std::int64_t>(top, vocabulary.size());
  const auto [values, indices] = probabilities.topk(count);
  std::vector<Guess> guesses;
  for (std::int64_t i = 0; i < count; ++i) {
    guesses.push_back({vocabulary.name(indices[i].item<std::int64_t>()), values[i].item<double>()});
  }
  return guesses;
}

/// What an image is, by a model of several labels: every class above the threshold.
using PredictedLabels = std::optional<std::vector<std::string>>;

PredictedLabels classes_above(double threshold, const torch::Tensor& probabilities,
                              const data::Vocabulary& vocabulary) {
  std::vector<std::string> classes;
  for (std::int64_t k = 0; k < vocabulary.size(); ++k) {
    if (probabilities[k].item<double>() > threshold) classes.push_back(vocabulary.name(k));
  }
  return classes;
}

void print_predictions_json(const fs::path& image, const std::vector<Guess>& guesses, const PredictedLabels& labels) {
  nlohmann::ordered_json json = {{"path", image.string()}};
  if (labels) json["labels"] = *labels;
  json["predictions"] = nlohmann::ordered_json::array();
  for (const Guess& guess : guesses) {
    json["predictions"].push_back({{"label", guess.label}, {"probability", guess.probability}});
  }
  fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void print_csv(const fs::path& image, const std::vector<Guess>& guesses, const PredictedLabels& /*labels*/) {
  for (std::size_t i = 0; i < guesses.size(); ++i) {
    fmt::print("{},{},{},{:.6f}\n", data::csv_cell(image.string()), i + 1, data::csv_cell(guesses[i].label),
               guesses[i].probability);
  }
}

void print_table(const fs::path& image, const std::vector<Guess>& guesses, const PredictedLabels& labels) {
  fmt::print("{}\n", image.string());
  if (labels)
    fmt::print("  labels: {}\n", labels->empty() ? "none of these" : fmt::format("{}", fmt::join(*labels, ", ")));
  for (const Guess& guess : guesses) {
    constexpr int kGuessBarWidth = 30;
    fmt::print("  {:6.2f} %  {} {}\n", guess.probability * 100, core::padded(core::one_line(guess.label), 28),
               core::text_bar(guess.probability, kGuessBarWidth));
  }
}

core::ExitCode predict(const PredictOptions& options) {
  if (options.json && options.csv) throw std::invalid_argument("[predict] --json and --csv exclude each other");
  core::validate(options);
  const serve::Predictor predictor(bundle::load_bundle(options.model), options.predictor);
  const bool is_multi = predictor.is_multi_label();
  if (options.threshold && !is_multi) {
    throw std::invalid_argument("[predict] --threshold is for multi-label models; this model predicts one class");
  }
  const GivenImages given = images_of(options.images);
  const data::PathList& images = given.images;
  const auto table = predict_with_progress(predictor, images, "predict");
  if (options.csv) fmt::print("path,rank,label,probability\n");
  const auto print = options.json ? print_predictions_json : (options.csv ? print_csv : print_table);
  for (std::size_t row = 0; row < table.ids.size(); ++row) {
    const torch::Tensor probabilities = table.probabilities[static_cast<std::int64_t>(row)];
    const PredictedLabels labels =
        is_multi ? classes_above(options.threshold.value_or(0.5), probabilities, predictor.vocabulary()) : std::nullopt;
    print(images[table.ids[row]], best_guesses(probabilities, predictor.vocabulary(), options.top), labels);
  }
  for (const auto& skipped : table.skipped) fmt::print(stderr, "margay: {}\n", skipped.problem);
  return table.skipped.empty() && given.are_all ? core::ExitCode::kDone : core::ExitCode::kBadData;
}

}  // namespace

void add_predict(CommandLine& line) {
  Command& command = line.add("predict", "Say what is in images");
  const auto options = std::make_shared<PredictOptions>();
  command.argument("model", options->model, "a model.margay", Presence::kRequired);
  command.argument("images", options->images, "images, or folders of them", Presence::kRequired);
  command.flags(*options);
  takes_compute_threads(command);
  command.does([options] { return predict(*options); });
}

}  // namespace margay::cli
