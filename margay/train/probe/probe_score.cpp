#include "margay/train/probe/probe_score.h"

#include <cstdint>
#include <optional>
#include <span>

#include <torch/types.h>

#include "margay/train/probe/probe_rows.h"

namespace margay::train {
namespace {

metric::ClusteredMean mean_of_images(const torch::Tensor& values, const torch::Tensor& groups) {
  const torch::Tensor numbers = values.to(torch::kDouble).contiguous();
  const torch::Tensor clusters = groups.contiguous();
  const auto size = static_cast<std::size_t>(numbers.size(0));
  return metric::clustered_mean({numbers.data_ptr<double>(), size}, {clusters.data_ptr<std::int64_t>(), size});
}

/// Means without any spread differ by no noise or not at all.
metric::Difference difference_of_means(const metric::ClusteredMean& a, const metric::ClusteredMean& b) {
  if (a.groups < 2 || b.groups < 2) return {.value = b.mean - a.mean, .noise = 1};
  const auto difference = metric::compare_means(a.of_groups(), b.of_groups());
  if (difference) return *difference;
  return {.value = b.mean - a.mean, .p_value = a.mean == b.mean ? 1.0 : 0.0};
}

}  // namespace

ProbeScore probe_score(const predict::Predictions& predictions, const torch::Tensor& groups, data::Task task) {
  return {.error = mean_of_images(image_errors(predictions.logits, predictions.targets, task), groups),
          .loss = mean_of_images(predictions.losses, groups)};
}

ProbeDisagreement probe_disagreement(const ProbeScore& left_out, const ProbeScore& valid, data::Task task) {
  ProbeDisagreement result;
  result.loss = difference_of_means(left_out.loss, valid.loss);
  result.error = task == data::Task::kSingleLabel
                     ? metric::compare_shares(left_out.error.mean, metric::independent_cases(left_out.error),
                                              valid.error.mean, metric::independent_cases(valid.error))
                     : difference_of_means(left_out.error, valid.error);
  result.is_beyond_chance = result.error.p_value < ProbeDisagreement::kLevel;
  return result;
}

}  // namespace margay::train
