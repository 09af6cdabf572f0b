#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <torch/types.h>

#include "apps/cli/command.h"
#include "apps/cli/compute.h"
#include "apps/cli/flags.h"
#include "apps/cli/predict_with_progress.h"
#include "margay/core/text_bar.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct PredictOptions {
  fs::path model;
  std::vector<fs::path> pictures;
  int top = 3;
  bool json = false;
  bool csv = false;
  serve::PredictorOptions predictor;

  static constexpr const char* kName = "predict";
  static constexpr auto fields() {
    return std::tuple{core::field("top", &PredictOptions::top, "classes to list for each picture", {1, 1000}),
                      core::field("json", &PredictOptions::json, "one JSON object per line"),
                      core::field("csv", &PredictOptions::csv, "a table: path,rank,label,probability"),
                      core::field("predictor", &PredictOptions::predictor, "how it is computed")};
  }
};

/// One line of an answer.
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

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

void print_json(const fs::path& picture, const std::vector<Guess>& guesses) {
  nlohmann::ordered_json json = {{"path", picture.string()}, {"predictions", nlohmann::ordered_json::array()}};
  for (const Guess& guess : guesses) {
    json["predictions"].push_back({{"label", guess.label}, {"probability", guess.probability}});
  }
  fmt::print("{}\n", json.dump());
}

void print_csv(const fs::path& picture, const std::vector<Guess>& guesses) {
  for (std::size_t i = 0; i < guesses.size(); ++i) {
    fmt::print("{},{},{},{:.6f}\n", csv_cell(picture.string()), i + 1, csv_cell(guesses[i].label),
               guesses[i].probability);
  }
}

void print_table(const fs::path& picture, const std::vector<Guess>& guesses) {
  fmt::print("{}\n", picture.string());
  for (const Guess& guess : guesses) {
    constexpr int kBarWidth = 30;
    fmt::print("  {:6.2f} %  {:<28} {}\n", guess.probability * 100, guess.label,
               core::text_bar(guess.probability, kBarWidth));
  }
}

core::ExitCode predict(const PredictOptions& options) {
  prepare_to_compute();
  if (options.json && options.csv) throw std::invalid_argument("[predict] --json and --csv exclude each other");
  core::validate(options);
  const serve::Predictor predictor(bundle::load_bundle(options.model), options.predictor);
  const std::vector<fs::path> pictures = pictures_of(options.pictures);
  const auto table = predict_with_progress(predictor, pictures, "predict");
  if (options.csv) fmt::print("path,rank,label,probability\n");
  const auto print = options.json ? print_json : (options.csv ? print_csv : print_table);
  for (std::size_t row = 0; row < table.ids.size(); ++row) {
    const torch::Tensor probabilities = table.probabilities[static_cast<std::int64_t>(row)];
    print(pictures[table.ids[row]], best_guesses(probabilities, predictor.vocabulary(), options.top));
  }
  for (const auto& skipped : table.skipped) fmt::print(stderr, "margay: {}\n", skipped.problem);
  return table.skipped.empty() ? core::ExitCode::kDone : core::ExitCode::kBadData;
}

}  // namespace

void add_predict(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("predict", "Say what is in pictures");
  const auto options = std::make_shared<PredictOptions>();
  command->add_option("model", options->model, "a model.margay")->required();
  command->add_option("pictures", options->pictures, "pictures, or folders of them")->required();
  add_flags(*command, *options);
  command->callback([options, &action] { action = [options] { return predict(*options); }; });
}

}  // namespace margay::cli
