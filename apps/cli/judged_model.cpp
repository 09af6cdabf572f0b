#include "apps/cli/judged_model.h"

#include <utility>

#include <fmt/format.h>
#include <torch/types.h>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/unknown_text.h"
#include "margay/core/checksum.h"
#include "margay/core/counted.h"
#include "margay/core/machine.h"
#include "margay/data/source/names.h"

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

torch::Tensor some_rows(const torch::Tensor& values, const torch::Tensor& rows) {
  return values.defined() ? values.index_select(0, rows) : values;
}

predict::Predictions only_rows(predict::Predictions batch, const std::vector<std::int64_t>& rows) {
  if (rows.size() == batch.ids.size()) return batch;
  const torch::Tensor index = torch::tensor(rows, torch::kLong);
  for (torch::Tensor predict::Predictions::*field :
       {&predict::Predictions::logits, &predict::Predictions::probabilities, &predict::Predictions::targets,
        &predict::Predictions::losses, &predict::Predictions::p_known, &predict::Predictions::features}) {
    batch.*field = some_rows(batch.*field, index);
  }
  std::vector<std::size_t> ids;
  for (const std::int64_t row : rows) ids.push_back(batch.ids[static_cast<std::size_t>(row)]);
  batch.ids = std::move(ids);
  return batch;
}

/// Throws core::DataError if nothing else was there.
void tell_of_trained(const data::NameList& trained, const JudgedCount& count, const JudgedSet& images) {
  if (trained.empty()) return;
  const std::string number = core::counted(trained.size(), "image");
  if (count.judged == 0) {
    throw core::DataError(
        images.folder,
        fmt::format("the model was trained on everything that was to be judged ({}), as the contents say; {}", number,
                    images.remedy));
  }
  warn(
      fmt::format("left out {} with the contents of images that the model was trained on: {}", number, trained.text()));
}

std::string gigabytes(std::uint64_t bytes) { return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9); }

void check_memory(const JudgedModel& model) {
  const std::uint64_t available = core::available_memory_bytes();
  if (available == 0 || model.logit_bytes() < available) return;
  throw core::OutOfMemoryError(
      fmt::format("the predictions of {} for {} classes take {}, and {} of memory are left; judge fewer images "
                  "(--part), or without "
                  "--report, --predictions and --json",
                  core::counted(static_cast<std::size_t>(model.num_images()), "image"), model.num_classes(),
                  gigabytes(model.logit_bytes()), gigabytes(available)));
}

}  // namespace

JudgedCount stream_judged(const JudgedSet& images, const predict::PredictionSink& sink, const std::string& task) {
  JudgedCount count;
  data::NameList trained;
  std::vector<data::SkippedImage> skipped;
  const auto judge = [&](predict::Predictions batch) {
    if (is_stop_wanted()) {
      throw core::Interrupted(
          fmt::format("stopped after {} of {}", count.judged, core::counted(images.set.images()->size(), "image")));
    }
    skipped.insert(skipped.end(), batch.skipped.begin(), batch.skipped.end());
    const std::vector<std::int64_t> rows = rows_that_count(batch, images.set, trained);
    count.judged += static_cast<std::int64_t>(rows.size());
    sink(only_rows(std::move(batch), rows));
  };
  stream_with_progress(images.predictor, images.set.images(), judge, task);
  for (const data::SkippedImage& each : skipped) warn("left out " + each.problem);
  count.trained = trained.size();
  tell_of_trained(trained, count, images);
  return count;
}

std::string model_name(const fs::path& model) {
  const bool is_of_run = model.filename() == "model.margay" && model.has_parent_path();
  return (is_of_run ? model.parent_path() : fs::path(model / "").parent_path()).filename().string();
}

JudgedModel::JudgedModel(const fs::path& model, const JudgingOptions& options) : model_(model), options_(options) {
  if (predict::is_prediction_folder(model)) {
    kept_ = kept_in(model, options.images.folder);
    reason_ = reason_of(*kept_, model);
    return;
  }
  if (fs::is_directory(model)) {
    throw core::DataError(model, "this folder holds no predictions (predictions.json and predictions.safetensors)");
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
  const JudgedSet images{.predictor = *predictor_,
                         .set = *set_,
                         .folder = options_.images.folder,
                         .remedy = "--part all judges it nevertheless"};
  trained_ = stream_judged(images, sink, task).trained;
}

predict::KeptPredictions JudgedModel::predictions(const std::string& task) {
  if (is_kept()) return *kept_;
  check_memory(*this);
  predict::PredictionGatherer gatherer(static_cast<std::size_t>(num_images()));
  stream([&](predict::Predictions&& batch) { gatherer.add(batch); }, task);
  const run::EvaluationOptions& images = options_.images;
  predict::KeptPredictions kept =
      predict::kept_predictions(gatherer.take(), *set_->images(), predictor_->vocabulary(), images.folder);
  kept.root = fs::absolute(images.folder).lexically_normal();
  kept.task = predictor_->task();  // that of images without labels says nothing
  kept.origin = {{"model", fs::absolute(model_).lexically_normal().string()},
                 {"model_sha256", core::sha256_of_file(model_)},
                 {"data", kept.root.string()},
                 {"reason", reason_},
                 {"trained_left_out", trained_}};
  if (predictor_->bundle().unknown) kept.origin["unknown"] = detector_json(*predictor_->bundle().unknown);
  return kept;
}

const core::OptionTable& JudgingOptions::fields() {
  using O = JudgingOptions;
  static const core::OptionTable table("judging", {core::field<&O::images>("images", "what the model is judged by"),
                                                   core::field<&O::predictor>("predictor", "how it is computed")});
  return table;
}

}  // namespace margay::cli
