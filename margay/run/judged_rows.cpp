#include "margay/run/judged_rows.h"

#include <utility>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/checksum.h"
#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/predict/unknown_detector.h"

namespace margay::run {
namespace {

torch::Tensor picked_rows(const torch::Tensor& values, const torch::Tensor& rows) {
  return values.defined() ? values.index_select(0, rows) : values;
}

predict::Predictions only_rows(predict::Predictions batch, const std::vector<std::int64_t>& rows) {
  if (rows.size() == batch.ids.size()) return batch;
  const torch::Tensor index = torch::tensor(rows, torch::kLong);
  for (torch::Tensor predict::Predictions::*field :
       {&predict::Predictions::logits, &predict::Predictions::probabilities, &predict::Predictions::targets,
        &predict::Predictions::losses, &predict::Predictions::p_known, &predict::Predictions::features}) {
    batch.*field = picked_rows(batch.*field, index);
  }
  std::vector<std::size_t> ids;
  for (const std::int64_t row : rows) ids.push_back(batch.ids[static_cast<std::size_t>(row)]);
  batch.ids = std::move(ids);
  return batch;
}

}  // namespace

predict::Predictions JudgedRows::counting(predict::Predictions batch) {
  skipped_.insert(skipped_.end(), batch.skipped.begin(), batch.skipped.end());
  std::vector<std::int64_t> rows;
  for (std::size_t row = 0; row < batch.ids.size(); ++row) {
    const std::size_t id = batch.ids[row];
    if (set_.counts(id)) {
      rows.push_back(static_cast<std::int64_t>(row));
    } else {
      trained_.add(set_.images()->path(id).string());
    }
  }
  judged_ += static_cast<std::int64_t>(rows.size());
  return only_rows(std::move(batch), rows);
}

void JudgedRows::check_any(const std::filesystem::path& folder, const std::string& remedy) const {
  if (trained_.empty() || judged_ > 0) return;
  throw core::DataError(folder, fmt::format("the model was trained on everything that was to be judged ({}), as the "
                                            "contents say; {}",
                                            core::counted(trained_.size(), "image"), remedy));
}

nlohmann::ordered_json detector_json(const predict::UnknownDetector& detector) {
  return {{"alpha", detector.alpha()},
          {"score", core::to_text(detector.scorer().score)},
          {"guarantee", core::to_text(detector.guarantee())},
          {"can_refuse", detector.can_refuse()},
          {"calibration_images", detector.calibration_images()}};
}

predict::KeptPredictions judged_predictions(predict::Predictions rows, const EvaluationSet& set,
                                            const JudgedOrigin& origin) {
  namespace fs = std::filesystem;
  predict::KeptPredictions kept =
      predict::kept_predictions(std::move(rows), *set.images(), origin.bundle.vocabulary, origin.folder);
  kept.root = fs::absolute(origin.folder).lexically_normal();
  kept.task = origin.bundle.task;  // that of images without labels says nothing
  kept.origin = {{"model", fs::absolute(origin.model).lexically_normal().string()},
                 {"model_sha256", core::sha256_of_file(origin.model)},
                 {"data", kept.root.string()},
                 {"reason", origin.reason},
                 {"trained_left_out", origin.trained}};
  if (origin.bundle.unknown) kept.origin["unknown"] = detector_json(*origin.bundle.unknown);
  return kept;
}

}  // namespace margay::run
