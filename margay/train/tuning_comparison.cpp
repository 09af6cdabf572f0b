#include "margay/train/tuning_comparison.h"

#include <map>
#include <set>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/field_type.h"

namespace margay::train {
namespace {

torch::Tensor share_of_wrong(const predict::Predictions& predictions, data::Task task) {
  if (task == data::Task::kSingleLabel) return predictions.logits.argmax(1).ne(predictions.targets).to(torch::kDouble);
  return predictions.logits.gt(0).ne(predictions.targets.gt(0.5)).to(torch::kDouble).mean(1);
}

/// The images that both scores have, value beside value.
struct PairedImages {
  std::vector<double> start_losses, end_losses, start_errors, end_errors;
  std::vector<std::int64_t> groups;
};

PairedImages paired(const ImageScores& start, const ImageScores& end, const torch::Tensor& groups) {
  std::map<std::int64_t, std::int64_t> row_at_end;
  const auto end_ids = end.ids.accessor<std::int64_t, 1>();
  for (std::int64_t i = 0; i < end_ids.size(0); ++i) row_at_end.emplace(end_ids[i], i);
  const auto value = [](const torch::Tensor& values, std::int64_t i) { return values.accessor<double, 1>()[i]; };
  PairedImages images;
  const auto ids = start.ids.accessor<std::int64_t, 1>();
  for (std::int64_t i = 0; i < ids.size(0); ++i) {
    const auto found = row_at_end.find(ids[i]);
    if (found == row_at_end.end()) continue;
    images.start_losses.push_back(value(start.losses, i));
    images.start_errors.push_back(value(start.errors, i));
    images.end_losses.push_back(value(end.losses, found->second));
    images.end_errors.push_back(value(end.errors, found->second));
    if (groups.defined()) images.groups.push_back(groups.accessor<std::int64_t, 1>()[i]);
  }
  return images;
}

double mean_of_values(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

bool are_grouped(const std::vector<std::int64_t>& groups) {
  return std::set<std::int64_t>(groups.begin(), groups.end()).size() < groups.size();
}

/// Nothing where an image is neither right nor wrong, or images are not independent.
std::optional<metric::McNemar> test_of(const PairedImages& images) {
  if (are_grouped(images.groups)) return std::nullopt;
  std::int64_t only_start = 0;
  std::int64_t only_end = 0;
  for (std::size_t i = 0; i < images.start_errors.size(); ++i) {
    const double start = images.start_errors[i];
    const double end = images.end_errors[i];
    if ((start != 0 && start != 1) || (end != 0 && end != 1)) return std::nullopt;
    only_start += start > end ? 1 : 0;
    only_end += end > start ? 1 : 0;
  }
  return metric::mcnemar(only_start, only_end);
}

TuningVerdict verdict_of(const TuningComparison& comparison) {
  const bool is_error_sure = comparison.error_p() < kTuningLevel;
  const bool is_loss_sure = comparison.loss.p_value < kTuningLevel;
  const auto any = [&](auto is_so) {
    return (is_error_sure && is_so(comparison.error.value)) || (is_loss_sure && is_so(comparison.loss.value));
  };
  if (any([](double change) { return change > 0; })) return TuningVerdict::kWorse;
  if (any([](double change) { return change < 0; })) return TuningVerdict::kBetter;
  return TuningVerdict::kWithinNoise;
}

}  // namespace

ImageScores image_scores(const predict::Predictions& predictions, data::Task task) {
  ImageScores scores{.ids = torch::empty({predictions.size()}, torch::kInt64),
                     .losses = predictions.losses.to(torch::kDouble).contiguous(),
                     .errors = share_of_wrong(predictions, task).contiguous()};
  auto* next = scores.ids.data_ptr<std::int64_t>();
  for (const std::size_t id : predictions.ids) *next++ = static_cast<std::int64_t>(id);
  return scores;
}

TuningComparison compare_tuning(const ImageScores& start, const ImageScores& end, const torch::Tensor& groups) {
  const PairedImages images = paired(start, end, groups);
  TuningComparison comparison{.images = static_cast<std::int64_t>(images.start_losses.size())};
  if (comparison.images < 2) {
    throw std::invalid_argument("[compare_tuning] the two scores have fewer than two images in common");
  }
  comparison.start_error = mean_of_values(images.start_errors);
  comparison.end_error = mean_of_values(images.end_errors);
  comparison.start_loss = mean_of_values(images.start_losses);
  comparison.end_loss = mean_of_values(images.end_losses);
  comparison.loss = metric::paired_difference(images.start_losses, images.end_losses, images.groups);
  comparison.error = metric::paired_difference(images.start_errors, images.end_errors, images.groups);
  comparison.mcnemar = test_of(images);
  comparison.verdict = verdict_of(comparison);
  return comparison;
}

bool TuningComparison::is_end_better() const {
  if (verdict != TuningVerdict::kWithinNoise) return verdict == TuningVerdict::kBetter;
  return end_loss <= start_loss;
}

std::string TuningComparison::text() const {
  const std::string how = mcnemar ? fmt::format("{} images lost, {} won, p {:.2g}", mcnemar->only_second_errs,
                                                mcnemar->only_first_errs, mcnemar->mid_p)
                                  : fmt::format("{:+.4f} ± {:.4f}", error.value, error.standard_error);
  const char* words = verdict == TuningVerdict::kBetter  ? "better than"
                      : verdict == TuningVerdict::kWorse ? "worse than"
                                                         : "within noise of";
  return fmt::format(
      "{} its probe on the same {} images: error {:.4f} after {:.4f} ({}), loss {:.4f} after {:.4f} "
      "({:+.4f} ± {:.4f})",
      words, images, end_error, start_error, how, end_loss, start_loss, loss.value, loss.standard_error);
}

nlohmann::ordered_json to_json(const TuningComparison& comparison) {
  const auto difference = [](const metric::Difference& of) {
    return nlohmann::ordered_json{{"value", of.value}, {"standard_error", of.standard_error}, {"p_value", of.p_value}};
  };
  nlohmann::ordered_json json = {{"verdict", core::to_text(comparison.verdict)}, {"images", comparison.images},
                                 {"probe_error", comparison.start_error},        {"tuned_error", comparison.end_error},
                                 {"probe_loss", comparison.start_loss},          {"tuned_loss", comparison.end_loss},
                                 {"error", difference(comparison.error)},        {"loss", difference(comparison.loss)}};
  if (!comparison.mcnemar) return json;
  json["mcnemar"] = {{"only_probe_errs", comparison.mcnemar->only_first_errs},
                     {"only_tuned_errs", comparison.mcnemar->only_second_errs},
                     {"exact_p", comparison.mcnemar->exact_p},
                     {"mid_p", comparison.mcnemar->mid_p}};
  return json;
}

}  // namespace margay::train
