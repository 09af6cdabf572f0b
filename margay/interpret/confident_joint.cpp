#include "margay/interpret/confident_joint.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/core/text.h"

namespace margay::interpret {
namespace {

/// One row rounded, its sum kept (to the nearest whole number).
void round_with_sum(const double* values, std::int64_t* rounded, std::int64_t n) {
  std::vector<double> below(static_cast<std::size_t>(n));  // how far each value lies above its rounded one
  double sum = 0;
  std::int64_t rounded_sum = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    rounded[k] = static_cast<std::int64_t>(std::nearbyint(values[k]));
    below[static_cast<std::size_t>(k)] = values[k] - static_cast<double>(rounded[k]);
    sum += values[k];
    rounded_sum += rounded[k];
  }
  const std::int64_t missing = static_cast<std::int64_t>(std::nearbyint(sum)) - rounded_sum;
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return below[static_cast<std::size_t>(a)] < below[static_cast<std::size_t>(b)];
  });
  if (missing > 0) std::reverse(order.begin(), order.end());
  // Each rounding errs by half at most, so |missing| ≤ n / 2.
  for (std::int64_t i = 0; i < std::abs(missing); ++i)
    rounded[order[static_cast<std::size_t>(i)]] += missing > 0 ? 1 : -1;
}

torch::Tensor class_thresholds(const detail::CheckedLabels& checked) {
  const std::int64_t classes = checked.probabilities.size(1);
  const torch::Tensor own = checked.probabilities.gather(1, checked.labels.unsqueeze(1)).squeeze(1);
  const torch::Tensor sums = torch::zeros({classes}, torch::kDouble).index_add_(0, checked.labels, own);
  return sums / torch::bincount(checked.labels, {}, classes);  // 0 / 0 is NaN, which nothing reaches
}

/// The class that each image is confidently of, −1 for none: int64 [N].
torch::Tensor confident_classes(const detail::CheckedLabels& checked, const torch::Tensor& thresholds) {
  const torch::Tensor least = thresholds.clamp_min(2 * kLabelTolerance) - kLabelTolerance;
  const torch::Tensor reaches = checked.probabilities.ge(least);
  const torch::Tensor count = reaches.sum(1);
  const torch::Tensor only = reaches.to(torch::kLong).argmax(1);
  const torch::Tensor several = torch::where(count.gt(1), checked.predictions, only);
  return torch::where(count.eq(0), torch::full_like(several, -1), several);
}

/// Each row scaled to the number of images labelled so; a row of a class without images becomes 0.
torch::Tensor calibrate(const torch::Tensor& counts, const torch::Tensor& labels) {
  const torch::Tensor images = torch::bincount(labels, {}, counts.size(0)).to(torch::kDouble);
  const torch::Tensor rows = counts.to(torch::kDouble);
  return detail::rounded_with_row_sums(rows / rows.sum(1, true) * images.unsqueeze(1));
}

}  // namespace

namespace detail {

torch::Tensor rounded_with_row_sums(const torch::Tensor& matrix) {
  const torch::Tensor values = matrix.to(torch::kDouble).contiguous();
  torch::Tensor rounded = torch::empty(values.sizes(), torch::kLong);
  const std::int64_t width = values.size(1);
  for (std::int64_t row = 0; row < values.size(0); ++row) {
    round_with_sum(values.data_ptr<double>() + row * width, rounded.data_ptr<std::int64_t>() + row * width, width);
  }
  return rounded;
}

CheckedLabels checked_labels(const torch::Tensor& labels, const torch::Tensor& probabilities, const char* where) {
  if (probabilities.dim() != 2 || labels.dim() != 1 || labels.size(0) != probabilities.size(0) ||
      probabilities.size(0) < 1 || probabilities.size(1) < 2) {
    throw std::invalid_argument(
        fmt::format("[{}] needs labels [N] and probabilities [N,K] with N ≥ 1 and K ≥ 2, got {} and {}", where,
                    core::joined(labels.sizes(), "×"), core::joined(probabilities.sizes(), "×")));
  }
  if (labels.scalar_type() != torch::kLong) {
    throw std::invalid_argument(fmt::format("[{}] labels must be int64, the index of one class per image", where));
  }
  CheckedLabels checked{.labels = labels.to(torch::kCPU).contiguous(),
                        .probabilities = probabilities.detach().to(torch::kCPU, torch::kDouble).contiguous(),
                        .predictions = {}};
  const torch::Tensor no_class = checked.labels.lt(0).logical_or(checked.labels.ge(probabilities.size(1)));
  if (no_class.any().item<bool>()) {
    const std::int64_t image = no_class.to(torch::kInt).argmax().item<std::int64_t>();
    throw std::invalid_argument(fmt::format("[{}] label {} of image {} is none of the {} classes", where,
                                            checked.labels[image].item<std::int64_t>(), image, probabilities.size(1)));
  }
  const torch::Tensor bad =
      checked.probabilities.isfinite().logical_and(checked.probabilities.ge(0)).all(1).logical_not();
  if (bad.any().item<bool>()) {
    throw std::invalid_argument(fmt::format("[{}] the probabilities of image {} are non-finite or negative", where,
                                            bad.to(torch::kInt).argmax().item<std::int64_t>()));
  }
  checked.predictions = checked.probabilities.argmax(1);
  return checked;
}

}  // namespace detail

ConfidentJoint confident_joint(const torch::Tensor& labels, const torch::Tensor& probabilities) {
  const auto checked = detail::checked_labels(labels, probabilities, "confident_joint");
  const std::int64_t classes = checked.probabilities.size(1);
  ConfidentJoint joint;
  joint.thresholds = class_thresholds(checked);
  const torch::Tensor confident = confident_classes(checked, joint.thresholds);
  const torch::Tensor known = confident.ge(0).nonzero().squeeze(1);
  const torch::Tensor cell = (checked.labels * classes + confident).index_select(0, known);
  joint.counts = torch::bincount(cell, {}, classes * classes).view({classes, classes});
  joint.counts.diagonal().clamp_min_(1);
  joint.calibrated = calibrate(joint.counts, checked.labels);
  const torch::Tensor off = confident.ge(0).logical_and(confident.ne(checked.labels)).nonzero().squeeze(1);
  joint.off_diagonal.assign(off.data_ptr<std::int64_t>(), off.data_ptr<std::int64_t>() + off.numel());
  return joint;
}

LabelNoise label_noise(const ConfidentJoint& joint) {
  const torch::Tensor counts = joint.calibrated.to(torch::kDouble);
  const torch::Tensor of_class = counts.sum(0);
  const torch::Tensor of_label = counts.sum(1);
  return {.prior = of_class / counts.sum(),
          .noise = (counts / of_class).nan_to_num(0),
          .inverse_noise = (counts.t() / of_label).nan_to_num(0)};
}

}  // namespace margay::interpret
