#include <algorithm>
#include <cerrno>
#include <memory>

#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "apps/cli/calibration_text.h"
#include "apps/cli/command.h"
#include "apps/cli/judged_model.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/terminal.h"
#include "apps/cli/unknown_text.h"
#include "margay/core/checksum.h"
#include "margay/core/counted.h"
#include "margay/core/file.h"
#include "margay/interpret/calibration_charts.h"
#include "margay/interpret/fit_unknown.h"
#include "margay/predict/prediction_file.h"
#include "margay/run/evaluation_set.h"
#include "margay/run/training_charts.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct CalibrateOptions {
  fs::path model;
  bool dry_run = false;
  fs::path out;
  bool use_training_images = false;
  fs::path chart;
  bool json = false;
  bool none_of_these = false;
  interpret::UnknownOptions unknown;
  interpret::CalibrationMeasure measure;
  run::EvaluationOptions images;
  serve::PredictorOptions predictor;

  static const core::OptionTable& fields() {
    using O = CalibrateOptions;
    static const core::OptionTable table(
        "calibrate",
        {core::field<&O::dry_run>("dry_run", "only look: the model's file stays as it is"),
         core::field<&O::out>("out", "write the calibrated model to this file instead", {core::excludes({"dry_run"})}),
         core::field<&O::use_training_images>("use_training_images",
                                              "also images that the model was trained on, of which it is too sure"),
         core::field<&O::chart>("chart", "draw the reliability diagram and the risk-coverage curve, .png or .svg"),
         core::field<&O::json>("json", "print every number as one JSON document"),
         core::field<&O::none_of_these>(
             "none_of_these",
             "also tell images of none of the classes: half of the images set the threshold and serve nothing else"),
         core::field<&O::unknown>("unknown", "how images of none of the classes are told",
                                  {core::of_inner("alpha", core::needs({"none_of_these"})),
                                   core::of_inner("per_class", core::needs({"none_of_these"})),
                                   core::of_inner("score", core::needs({"none_of_these"})),
                                   core::of_inner("neighbours", core::needs({"none_of_these"}))}),
         core::field<&O::measure>("measure", "how calibration is measured"),
         core::field<&O::images>("images", "what it is fitted to"),
         core::field<&O::predictor>("predictor", "how it is computed")});
    return table;
  }

  const fs::path& target() const { return out.empty() ? model : out; }
};

[[noreturn]] void refuse_calibration(const std::string& problem) {
  throw std::invalid_argument("[calibrate] " + problem);
}

/// A model's file is often kept from being written by its permissions, which a renaming would ignore.
void check_target(const CalibrateOptions& options) {
  if (options.dry_run) return;
  const fs::path& target = options.target();
  std::error_code failure;
  const fs::perms rights = fs::status(target, failure).permissions();
  constexpr fs::perms kWrite = fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write;
  if (!failure && (rights & kWrite) == fs::perms::none) {
    throw core::IoError(target, "is read-only; --out writes the calibrated model to another file, --dry-run none",
                        EACCES);
  }
  core::check_writable(target);
}

void check_calibrate(const CalibrateOptions& options) {
  core::validate(options);
  if (options.images.unlabelled) {
    refuse_calibration("--unlabelled: only labels tell how often probabilities are right");
  }
  if (options.predictor.tta > 0) refuse_calibration("--tta: a temperature is fitted to plain predictions");
  if (options.predictor.raw) refuse_calibration("--raw has no effect: a temperature is always fitted to raw logits");
  if (options.none_of_these && options.use_training_images) {
    refuse_calibration(
        "--none-of-these and --use-training-images exclude each other: the guarantee is for images that "
        "the threshold's images are like");
  }
  if (!options.chart.empty()) run::check_chart_path(options.chart);
  check_target(options);
}

/// A model, and labelled predictions of it.
class ModelToCalibrate {
 public:
  explicit ModelToCalibrate(const CalibrateOptions& options)
      : options_(options), sha256_(core::sha256_of_file(options.model)), bundle_(bundle::load_bundle(options.model)) {}

  void predict() {
    const fs::path& data = options_.images.folder;
    if (predict::is_prediction_folder(data)) {
      kept_ = predict::load_predictions(data);
      check_kept();
      tell_judged(fmt::format("the predictions in {}", shown_path(data)));
    } else {
      predict_images();
    }
    check_images();
  }

  const predict::KeptPredictions& predictions() const { return kept_; }
  /// The network's outputs for some of the images, without features where the predictions were kept.
  interpret::LabelledOutputs outputs(const std::vector<std::int64_t>& rows) const {
    const interpret::LabelledOutputs all{
        .logits = kept_.rows.logits, .features = features_, .targets = kept_.rows.targets};
    return all.rows(torch::tensor(rows, torch::kLong));
  }
  /// What the detector may take: a twentieth of the weights.
  std::int64_t weight_bytes() const {
    std::int64_t bytes = 0;
    for (const auto& [name, tensor] : bundle_.classifier->state()) bytes += static_cast<std::int64_t>(tensor.nbytes());
    return bytes;
  }
  void set_unknown(const predict::UnknownDetector& detector) { bundle_.unknown = detector; }

  /// With where it comes from.
  predict::Calibration complete(predict::Calibration calibration) const {
    const fs::path& folder = options_.images.folder;
    calibration.data = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
    calibration.model_sha256 = original_sha256();
    return calibration;
  }

  /// Throws core::Error if the file is not the one that was judged any more.
  void write(const predict::Calibration& calibration) {
    if (core::sha256_of_file(options_.model) != sha256_) {
      throw core::Error(fmt::format("{} changed while its images were predicted; nothing was written, calibrate again",
                                    shown_path(options_.model)));
    }
    bundle_.calibration = calibration;
    bundle::save_bundle(options_.target(), bundle_);
  }

  std::string history() const {
    const predict::Calibration& before = bundle_.calibration;
    if (before.source == predict::CalibrationSource::kLeftOut) {
      return fmt::format(
          "The model is a probe: its head has a temperature already, fitted to {}. This one comes on top.\n",
          before.data);
    }
    if (!before.is_fitted()) return "";
    return fmt::format("The model has the temperature {:.4f} already; it is fitted again, to the logits themselves.\n",
                       before.temperature);
  }

 private:
  const std::string& original_sha256() const {
    return bundle_.calibration.model_sha256.empty() ? sha256_ : bundle_.calibration.model_sha256;
  }

  void tell_judged(const std::string& reason) const {
    if (!options_.json) print_out("Judged: {}.\n", reason);
  }

  void predict_images() {
    serve::PredictorOptions computing = options_.predictor;
    if (options_.none_of_these) computing.output = predict::NetworkOutput::kLogitsAndFeatures;
    const serve::Predictor predictor(bundle::load_bundle(options_.model, bundle::GoldenCheck::kLater), computing);
    const run::EvaluationSet set(options_.images, predictor.bundle(), options_.model);
    warn_of_each(set.warnings());
    tell_judged(program_words(set.reason()));
    predict::PredictionGatherer gatherer(set.images()->size());
    std::vector<torch::Tensor> features;
    const auto gather = [&](const predict::Predictions& batch) {
      for (const std::size_t id : batch.ids) trained_ += set.has_trained(id) ? 1 : 0;
      gatherer.add(batch);
      if (batch.features.defined() && !batch.ids.empty()) features.push_back(batch.features);
    };
    stream_judged({.predictor = predictor, .set = set, .folder = options_.images.folder}, gather, "calibrate");
    kept_ = predict::kept_predictions(gatherer.take(), *set.images(), predictor.vocabulary(), options_.images.folder);
    kept_.task = predictor.task();
    if (!features.empty()) features_ = torch::cat(features);
  }

  void check_kept() const {
    const fs::path& folder = options_.images.folder;
    const std::string of_model = kept_.origin.value("model_sha256", "");
    const bool is_of_model = of_model.empty() || of_model == sha256_ || of_model == original_sha256();
    if (is_of_model && kept_.vocabulary == bundle_.vocabulary && kept_.task == bundle_.task) return;
    throw core::DataError(folder,
                          fmt::format("these predictions are not of {}, by its contents; give the images instead",
                                      shown_path(options_.model)));
  }

  void check_images() const {
    const fs::path& folder = options_.images.folder;
    if (!kept_.has_labels()) {
      throw core::DataError(folder,
                            "its images have no labels, and only labels tell how often probabilities are right");
    }
    check_logits();
    const std::int64_t groups =
        kept_.groups.defined() ? std::get<0>(torch::_unique2(kept_.groups)).size(0) : kept_.size();
    if (groups < 2) {
      throw core::DataError(folder, fmt::format("only {} to calibrate by, of one group; the images that fit a "
                                                "temperature cannot judge it, so there must be two groups",
                                                core::counted(kept_.size(), "image")));
    }
    check_training_images();
  }

  void check_logits() const {
    const torch::Tensor is_bad = kept_.rows.logits.isfinite().logical_not().any(1);
    if (!is_bad.any().item<bool>()) return;
    const auto row = static_cast<std::size_t>(is_bad.to(torch::kInt).argmax().item<std::int64_t>());
    throw core::DataError(options_.model,
                          fmt::format("its logits for {} are not finite: the training diverged, or --precision is too "
                                      "low for it",
                                      shown_path(kept_.names[row])));
  }

  void check_training_images() const {
    if (trained_ == 0) return;
    const std::string some = fmt::format("{} of the {}", trained_, core::counted(kept_.size(), "image"));
    if (!options_.use_training_images) {
      throw core::DataError(options_.images.folder,
                            some +
                                " were trained on, and a network is surer of those than of others; give images that "
                                "it has not seen, or --use-training-images");
    }
    warn(some + " were trained on: the temperature will be too low, and the probabilities too sure");
  }

  const CalibrateOptions& options_;
  std::string sha256_;
  bundle::Bundle bundle_;
  predict::KeptPredictions kept_;
  torch::Tensor features_;    ///< float [N,D] where they were asked for
  std::int64_t trained_ = 0;  ///< of them
};

/// What the temperature is fitted to and judged by.
struct CalibrationRows {
  predict::Predictions rows;
  torch::Tensor groups;
};

CalibrationRows rows_of(const predict::KeptPredictions& kept, const std::vector<std::int64_t>& positions) {
  const torch::Tensor index = torch::tensor(positions, torch::kLong);
  CalibrationRows some;
  some.rows.logits = kept.rows.logits.index_select(0, index);
  some.rows.targets = kept.rows.targets.index_select(0, index);
  for (const std::int64_t i : positions) some.rows.ids.push_back(kept.rows.ids[static_cast<std::size_t>(i)]);
  if (kept.groups.defined()) some.groups = kept.groups.index_select(0, index);
  return some;
}

/// The images of the threshold serve nothing else, so the temperature gets the others.
struct UnknownCalibration {
  interpret::ThresholdSplit split;
  interpret::UnknownFit fit;
};

std::optional<UnknownCalibration> calibrate_unknown(const ModelToCalibrate& model, const CalibrateOptions& options) {
  if (!options.none_of_these) return std::nullopt;
  const predict::KeptPredictions& kept = model.predictions();
  interpret::UnknownOptions within = options.unknown;
  within.most_bytes = std::max<std::int64_t>(1, model.weight_bytes() / 20);
  interpret::ThresholdSplit split = interpret::split_for_threshold(kept.size(), within.alpha, within.seed, kept.groups);
  if (split.fit.size() < 2) {
    throw core::DataError(options.images.folder,
                          fmt::format("{} are too few for a threshold beside the temperature; without --none-of-these "
                                      "they calibrate",
                                      core::counted(kept.size(), "image")));
  }
  interpret::UnknownFit fit =
      interpret::fit_unknown(model.outputs(split.fit), model.outputs(split.threshold), kept.activation(), within);
  return UnknownCalibration{.split = std::move(split), .fit = std::move(fit)};
}

core::ExitCode calibrate(const CalibrateOptions& options) {
  listen_for_stop();
  check_calibrate(options);
  ModelToCalibrate model(options);
  model.predict();
  const predict::KeptPredictions& kept = model.predictions();
  const std::optional<UnknownCalibration> unknown = calibrate_unknown(model, options);
  const CalibrationRows judged =
      unknown ? rows_of(kept, unknown->split.fit) : CalibrationRows{.rows = kept.rows, .groups = kept.groups};
  interpret::CalibrationReport report =
      interpret::calibration_report(judged.rows, kept.task, judged.groups, options.measure);
  if (unknown) model.set_unknown(unknown->fit.detector);
  report.calibration = model.complete(report.calibration);
  if (options.json) {
    nlohmann::ordered_json json = interpret::to_json(report);
    if (unknown) json["none_of_these"] = unknown_json(unknown->fit, kept.vocabulary);
    print_json(json);
  } else {
    print_text(model.history() + temperature_text(report) + calibration_text(report));
    if (unknown) print_text("\n" + unknown_text(unknown->fit, kept.vocabulary, model.weight_bytes()));
  }
  FileOutputs files;
  if (!options.chart.empty()) {
    files.write([&] {
      save_chart({interpret::reliability_chart(report.before, &report.after),
                  interpret::risk_coverage_chart(report.before, &report.after)},
                 options.chart);
    });
  }
  const bool is_written = !options.dry_run && files.write([&] { model.write(report.calibration); });
  if (options.json) return files.code();
  if (is_written) print_out("{} now predicts with this temperature.\n", shown_path(options.target()));
  if (options.dry_run) print_out("Nothing was written (--dry-run).\n");
  return files.code();
}

}  // namespace

void add_calibrate(CommandLine& line) {
  Command& command = line.add("calibrate", "Make a model's probabilities mean what they say");
  const auto options = std::make_shared<CalibrateOptions>();
  command.argument("model", options->model, "a model.margay", Presence::kRequired);
  command.argument("data", options->images.folder,
                   "labelled images that it was not trained on, or a folder of kept predictions", Presence::kRequired);
  command.footer(
      "One temperature is fitted, by which all logits are divided (Guo et al. 2017), and written into the model:\n"
      "predict, evaluate, explain and serve use it, --raw shows the logits' own probabilities. No prediction changes.\n"
      "--none-of-these sets a threshold for images of none of the classes, too; predict then refuses at most --alpha "
      "of\n"
      "the images of the classes.\n"
      "Which images are used is decided as by evaluate.");
  command.flags(*options);
  command.everyday({"--dry-run", "--out", "--none-of-these", "--alpha", "--per-class", "--chart", "--json", "--part",
                    "--use-training-images"});
  takes_compute_threads(command);
  command.does([options] { return calibrate(*options); });
}

}  // namespace margay::cli
