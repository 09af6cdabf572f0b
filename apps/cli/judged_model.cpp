#include "apps/cli/judged_model.h"

#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/shared_stream.h"
#include "margay/core/counted.h"
#include "margay/core/machine.h"
#include "margay/core/quantity.h"
#include "margay/run/judged_rows.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

/// The folder of images that the user names now wins over the one that was kept.
predict::KeptPredictions kept_in(const fs::path& folder, const fs::path& images) {
  predict::KeptPredictions kept = predict::load_predictions(folder);
  if (images.empty()) return kept;
  if (!fs::is_directory(images)) throw core::DataError(images, "there is no such folder of images");
  kept.root = images;
  return kept;
}

std::string text_of(const nlohmann::ordered_json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string reason_of(const predict::KeptPredictions& kept, const fs::path& folder) {
  const std::string then = text_of(kept.origin, "reason");
  return fmt::format("the predictions in {}{}", shown_path(folder), then.empty() ? "" : ": " + then);
}

/// Throws core::DataError if nothing else was there.
void tell_of_trained(const run::JudgedRows& rows, const JudgedSet& images) {
  if (rows.trained().empty()) return;
  rows.check_any(images.folder, images.remedy);
  warn(fmt::format("left out {} with the contents of images that the model was trained on: {}",
                   core::counted(rows.trained().size(), "image"), rows.trained().text()));
}

void check_memory(const JudgedModel& model) {
  const std::uint64_t available = core::available_memory_bytes();
  if (available == 0 || model.logit_bytes() < available) return;
  throw core::OutOfMemoryError(
      fmt::format("the predictions of {} for {} classes take {}, and {} of memory are left; judge fewer images "
                  "(--part), or without --report, --predictions and --json",
                  core::counted(static_cast<std::size_t>(model.num_images()), "image"), model.num_classes(),
                  core::size_text(model.logit_bytes()), core::size_text(available)));
}

}  // namespace

JudgedCount stream_judged(const JudgedSet& images, const predict::PredictionSink& sink, const std::string& task) {
  run::JudgedRows rows(images.set);
  const auto judge = [&](predict::Predictions batch) {
    if (is_stop_wanted()) {
      throw core::Interrupted(
          fmt::format("stopped after {} of {}", rows.judged(), core::counted(images.set.images()->size(), "image")));
    }
    sink(rows.counting(std::move(batch)));
  };
  stream_together(images.predictor, images.set.images(), judge, task, *images.group);
  for (const data::SkippedImage& each : rows.skipped()) warn("left out " + each.problem);
  tell_of_trained(rows, images);
  return {.judged = rows.judged(), .trained = rows.trained().size()};
}

std::string model_name(const fs::path& model) {
  const bool is_of_run = model.filename() == "model.margay" && model.has_parent_path();
  return (is_of_run ? model.parent_path() : fs::path(model / "").parent_path()).filename().string();
}

JudgedModel::JudgedModel(const fs::path& model, const JudgingOptions& options, std::shared_ptr<collective::Group> group)
    : model_(model), options_(options), group_(std::move(group)) {
  if (predict::is_prediction_folder(model)) {
    kept_ = kept_in(model, options.images.folder);
    reason_ = reason_of(*kept_, model);
    return;
  }
  if (fs::is_directory(model)) {
    const fs::path inside = model / "model.margay";
    std::error_code none;
    const std::string hint = fs::exists(inside, none) ? "; it is a run's, whose model is " + shown_path(inside) : "";
    throw core::DataError(model,
                          "this folder holds no predictions (predictions.json and predictions.safetensors)" + hint);
  }
  if (options.images.folder.empty()) {
    throw UsageError(
        fmt::format("{} is a model, so give a folder of images, too; a folder of kept predictions (of "
                    "--report or --predictions) needs none",
                    shown_path(model)));
  }
  predictor_ = std::make_shared<serve::Predictor>(bundle::load_bundle(model), options.predictor);
  set_ = std::make_unique<run::EvaluationSet>(options.images, predictor_->bundle(), model);
  reason_ = program_words(set_->reason());
  warnings_ = set_->warnings();
}

data::Task JudgedModel::task() const { return is_kept() ? kept_->task : predictor_->task(); }

std::int64_t JudgedModel::num_images() const {
  return is_kept() ? kept_->size() : static_cast<std::int64_t>(set_->images()->size());
}

std::int64_t JudgedModel::num_classes() const {
  return is_kept() ? kept_->num_classes() : predictor_->vocabulary().size();
}

std::uint64_t JudgedModel::logit_bytes() const {
  return sizeof(float) * static_cast<std::uint64_t>(num_images()) * static_cast<std::uint64_t>(num_classes());
}

void JudgedModel::stream(const predict::PredictionSink& sink, const std::string& task) {
  check_same_work(
      *group_,
      {.model = model_, .options = options_.predictor, .images = *set_->images(), .folder = options_.images.folder});
  const JudgedSet images{.predictor = *predictor_,
                         .set = *set_,
                         .folder = options_.images.folder,
                         .remedy = "--part all judges it nevertheless",
                         .group = group_};
  trained_ = stream_judged(images, sink, task).trained;
}

predict::KeptPredictions JudgedModel::predictions(const std::string& task) {
  if (is_kept()) return *kept_;
  check_memory(*this);
  predict::PredictionGatherer gatherer(static_cast<std::size_t>(num_images()));
  stream([&](predict::Predictions&& batch) { gatherer.add(batch); }, task);
  return run::judged_predictions(gatherer.take(), *set_,
                                 {.bundle = predictor_->bundle(),
                                  .model = model_,
                                  .folder = options_.images.folder,
                                  .reason = reason_,
                                  .trained = trained_});
}

const core::OptionTable& JudgingOptions::fields() {
  using O = JudgingOptions;
  static const core::OptionTable table("judging", {core::field<&O::images>("images", "what the model is judged by"),
                                                   core::field<&O::predictor>("predictor", "how it is computed")});
  return table;
}

}  // namespace margay::cli
