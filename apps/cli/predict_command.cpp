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
  std::optional<double> alpha;
  bool json = false;
  bool csv = false;
  serve::PredictorOptions predictor;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "predict",
        {core::field<&PredictOptions::top>("top", "classes to list for each image", {1, 1000}),
         core::field<&PredictOptions::threshold>(
             "threshold",
             "multi-label models: the probability above which a class is predicted, before `calibrate` (whose "
             "temperature moves it along); 0.5 by default",
             {0, 1}),
         core::field<&PredictOptions::alpha>(
             "alpha",
             "models that tell unknown images, by `calibrate`: the share of images of the classes that may be refused "
             "as none of these; by default the model's own",
             {1e-6, 0.5}),
         core::field<&PredictOptions::json>("json", "one JSON object per line"),
         core::field<&PredictOptions::csv>(
             "csv", "a table: path,rank,label,probability, and where the model tells them p_known,none_of_these"),
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

/// How usual an image is among those of the classes, by a model that tells.
struct Familiarity {
  double p_known;
  bool is_none;  ///< refused: none of the classes
};

/// All that is said of an image.
struct ImagePrediction {
  fs::path image;
  std::vector<Guess> guesses;
  PredictedLabels labels;
  std::optional<Familiarity> familiarity;
};

std::string as_csv(const ImagePrediction& prediction) {
  std::string lines;
  const std::string familiarity = prediction.familiarity ? fmt::format(",{:.6g},{}", prediction.familiarity->p_known,
                                                                       prediction.familiarity->is_none)
                                                         : "";
  for (std::size_t i = 0; i < prediction.guesses.size(); ++i) {
    const Guess& guess = prediction.guesses[i];
    lines += fmt::format("{},{},{},{:.6f}{}\n", data::csv_cell(prediction.image.string()), i + 1,
                         data::csv_cell(guess.label), guess.probability, familiarity);
  }
  return lines;
}

std::string as_text(const ImagePrediction& prediction) {
  std::string text = shown_path(prediction.image) + "\n";
  if (prediction.familiarity && prediction.familiarity->is_none)
    text += fmt::format("  none of these (p = {:.2g})\n", prediction.familiarity->p_known);
  if (const PredictedLabels& labels = prediction.labels) {
    const std::string names = labels->empty() ? "none of these" : fmt::format("{}", fmt::join(*labels, ", "));
    text += fmt::format("  labels: {}\n", core::spelled_out(names));
  }
  for (const Guess& guess : prediction.guesses) {
    constexpr int kGuessBarWidth = 30;
    text +=
        fmt::format("  {:6.2f} %  {} {}\n", guess.probability * 100, core::padded(core::spelled_out(guess.label), 28),
                    core::text_bar(guess.probability, kGuessBarWidth));
  }
  return text;
}

nlohmann::ordered_json as_json(const ImagePrediction& prediction) {
  nlohmann::ordered_json json = {{"path", prediction.image.string()}};
  if (prediction.labels) json["labels"] = *prediction.labels;
  if (prediction.familiarity) {
    json["none_of_these"] = prediction.familiarity->is_none;
    json["p_known"] = prediction.familiarity->p_known;
  }
  json["predictions"] = nlohmann::ordered_json::array();
  for (const Guess& guess : prediction.guesses) {
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
    if (options.csv) print_records(fmt::format("path,rank,label,probability{}\n", tells_unknown() ? kCsvUnknown : ""));
  }

  /// Throws OutputIsLost.
  void operator()(const predict::Predictions& batch) {
    for (std::size_t row = 0; row < batch.ids.size(); ++row) {
      print_row(batch, static_cast<std::int64_t>(row));
    }
    for (const data::SkippedImage& skipped : batch.skipped) complain(skipped.problem);
    skipped_ += batch.skipped.size();
    if (standard_output().lost()) throw OutputIsLost{};
  }

  std::size_t skipped() const { return skipped_; }

 private:
  void print_row(const predict::Predictions& batch, std::int64_t row) const {
    const data::Vocabulary& vocabulary = predictor_.vocabulary();
    const torch::Tensor logits = batch.logits[row];
    ImagePrediction prediction{.image = images_[batch.ids[static_cast<std::size_t>(row)]],
                               .guesses = best_guesses(logits, batch.probabilities[row], vocabulary, options_.top)};
    if (predictor_.is_multi_label()) {
      prediction.labels = classes_above(options_.threshold.value_or(0.5), logits, vocabulary);
    }
    if (tells_unknown()) prediction.familiarity = familiarity_of(batch.p_known[row].item<double>());
    if (options_.json) return print_json(as_json(prediction), kOneLine);
    if (options_.csv) return print_records(as_csv(prediction));
    print_text(as_text(prediction));
  }

  bool tells_unknown() const { return predictor_.bundle().unknown.has_value(); }
  Familiarity familiarity_of(double p_known) const {
    const double alpha = options_.alpha.value_or(predictor_.bundle().unknown->alpha());
    return {.p_known = p_known, .is_none = p_known <= alpha};
  }

  static constexpr const char* kCsvUnknown = ",p_known,none_of_these";
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
  if (options.alpha && !predictor.bundle().unknown) {
    throw std::invalid_argument(
        "[predict] --alpha is for models that tell images of none of their classes; `calibrate` makes one of this");
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
