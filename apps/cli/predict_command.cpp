#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
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
                    core::field<&PredictOptions::threshold>("threshold",
                                                            "multi-label models: the probability above which a class "
                                                            "is predicted, before `calibrate` (whose temperature "
                                                            "moves it along); 0.5 by default",
                                                            {0, 1}),
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

/// In the order of the logits, which no calibration changes; probabilities may round to the same number. Both [K].
std::vector<Guess> best_guesses(const torch::Tensor& logits, const torch::Tensor& probabilities,
                                const data::Vocabulary& vocabulary, int top) {
  const auto count = std::min<std::int64_t>(top, vocabulary.size());
  const torch::Tensor indices = std::get<1>(logits.topk(count));
  const torch::Tensor values = probabilities.index_select(0, indices);
  std::vector<Guess> guesses;
  for (std::int64_t i = 0; i < count; ++i) {
    guesses.push_back({vocabulary.name(indices[i].item<std::int64_t>()), values[i].item<double>()});
  }
  return guesses;
}

/// What an image is, by a model of several labels: every class above the threshold.
using PredictedLabels = std::optional<std::vector<std::string>>;

/// logits: [K]. The threshold is for the logits' own probabilities, so that no calibration changes a decision.
PredictedLabels classes_above(double threshold, const torch::Tensor& logits, const data::Vocabulary& vocabulary) {
  const torch::Tensor is_predicted = predict::label_decisions(logits, threshold);
  std::vector<std::string> classes;
  for (std::int64_t k = 0; k < vocabulary.size(); ++k) {
    if (is_predicted[k].item<bool>()) classes.push_back(vocabulary.name(k));
  }
  return classes;
}

std::string as_csv(const fs::path& image, const std::vector<Guess>& guesses, const PredictedLabels& /*labels*/) {
  std::string lines;
  for (std::size_t i = 0; i < guesses.size(); ++i) {
    lines += fmt::format("{},{},{},{:.6f}\n", data::csv_cell(image.string()), i + 1, data::csv_cell(guesses[i].label),
                         guesses[i].probability);
  }
  return lines;
}

std::string as_text(const fs::path& image, const std::vector<Guess>& guesses, const PredictedLabels& labels) {
  std::string text = shown_path(image) + "\n";
  if (labels) {
    const std::string names = labels->empty() ? "none of these" : fmt::format("{}", fmt::join(*labels, ", "));
    text += fmt::format("  labels: {}\n", core::spelled_out(names));
  }
  for (const Guess& guess : guesses) {
    constexpr int kGuessBarWidth = 30;
    text +=
        fmt::format("  {:6.2f} %  {} {}\n", guess.probability * 100, core::padded(core::spelled_out(guess.label), 28),
                    core::text_bar(guess.probability, kGuessBarWidth));
  }
  return text;
}

nlohmann::ordered_json as_json(const fs::path& image, const std::vector<Guess>& guesses,
                               const PredictedLabels& labels) {
  nlohmann::ordered_json json = {{"path", image.string()}};
  if (labels) json["labels"] = *labels;
  json["predictions"] = nlohmann::ordered_json::array();
  for (const Guess& guess : guesses) {
    json["predictions"].push_back({{"label", guess.label}, {"probability", guess.probability}});
  }
  return json;
}

/// There is nobody left to predict for.
struct OutputIsLost {};

/// Prints predictions as they come, so that memory does not grow with the number of images.
class PredictionPrinter {
 public:
  PredictionPrinter(const PredictOptions& options, const serve::Predictor& predictor, const data::PathList& images)
      : options_(options), predictor_(predictor), images_(images) {
    if (options.csv) print_records("path,rank,label,probability\n");
  }

  /// Throws OutputIsLost.
  void operator()(const predict::Predictions& batch) {
    for (std::size_t row = 0; row < batch.ids.size(); ++row) {
      const auto i = static_cast<std::int64_t>(row);
      print_row(images_[batch.ids[row]], batch.logits[i], batch.probabilities[i]);
    }
    for (const data::SkippedImage& skipped : batch.skipped) complain(skipped.problem);
    skipped_ += batch.skipped.size();
    if (standard_output().lost()) throw OutputIsLost{};
  }

  std::size_t skipped() const { return skipped_; }

 private:
  void print_row(const fs::path& image, const torch::Tensor& logits, const torch::Tensor& probabilities) const {
    const data::Vocabulary& vocabulary = predictor_.vocabulary();
    const std::vector<Guess> guesses = best_guesses(logits, probabilities, vocabulary, options_.top);
    PredictedLabels labels;
    if (predictor_.is_multi_label()) {
      labels = classes_above(options_.threshold.value_or(0.5), logits, vocabulary);
    }
    if (options_.json) return print_json(as_json(image, guesses, labels), kOneLine);
    if (options_.csv) return print_records(as_csv(image, guesses, labels));
    print_text(as_text(image, guesses, labels));
  }

  static constexpr int kOneLine = -1;

  const PredictOptions& options_;
  const serve::Predictor& predictor_;
  const data::PathList& images_;
  std::size_t skipped_ = 0;
};

core::ExitCode predict(const PredictOptions& options) {
  if (options.json && options.csv) throw std::invalid_argument("[predict] --json and --csv exclude each other");
  core::validate(options);
  const serve::Predictor predictor(bundle::load_bundle(options.model), options.predictor);
  if (options.threshold && !predictor.is_multi_label()) {
    throw std::invalid_argument("[predict] --threshold is for multi-label models; this model predicts one class");
  }
  const GivenImages given = images_of(options.images);
  const data::PathList& images = given.images;
  PredictionPrinter printer(options, predictor, images);
  try {
    stream_with_progress(
        predictor, std::make_shared<data::Dataset>(data::Dataset::unlabelled(images)),
        [&](const predict::Predictions& batch) { printer(batch); }, "predict");
  } catch (const OutputIsLost&) {  // the program's exit code will say so
  }
  return printer.skipped() == 0 && given.are_all ? core::ExitCode::kDone : core::ExitCode::kBadData;
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
