#include "margay/metric/temperature.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/metric/folds.h"

namespace margay::metric {
namespace {

constexpr double kMostScale = 1e12;
constexpr double kSameScale = 1e-9;  // relative; each step of Newton's method squares the distance
constexpr int kMostSteps = 100;
constexpr std::int64_t kRowsAtOnce = 256;  // of one sum: parts must not depend on threads

[[noreturn]] void refuse_temperature(const std::string& problem) {
  throw std::invalid_argument("[fit_temperature] " + problem);
}

TemperatureLoss& operator+=(TemperatureLoss& sum, const TemperatureLoss& part) {
  sum.loss += part.loss;
  sum.first += part.first;
  sum.second += part.second;
  return sum;
}

TemperatureLoss operator*(double factor, const TemperatureLoss& loss) {
  return {.loss = factor * loss.loss, .first = factor * loss.first, .second = factor * loss.second};
}

/// What is subtracted from t times which: the logit of the target, and `pseudo` of the mean over what it may be.
template <class Real>
double linear_softmax(const Real* logits, std::int64_t classes, double largest, std::int64_t target, double pseudo) {
  double mean = 0;
  for (std::int64_t k = 0; k < classes; ++k) mean += static_cast<double>(logits[k]) - largest;
  return static_cast<double>(logits[target]) - largest + pseudo * mean / static_cast<double>(classes);
}

template <class Real>
double linear_sigmoid(const Real* logits, const double* targets, std::int64_t labels, double pseudo) {
  double sum = 0;
  for (std::int64_t k = 0; k < labels; ++k) sum += static_cast<double>(logits[k]) * (targets[k] + pseudo / 2);
  return sum / static_cast<double>(labels);
}

void check_temperature_rows(const TemperatureRows& rows, Activation activation) {
  const bool is_softmax = activation == Activation::kSoftmax;
  const torch::Tensor& logits = rows.logits;
  if (!logits.defined() || logits.dim() != 2 || !logits.is_floating_point() || logits.size(1) < 1) {
    refuse_temperature("logits must be floating [N,K]");
  }
  const bool fits = rows.targets.defined() && rows.targets.dim() == (is_softmax ? 1 : 2) &&
                    rows.targets.size(0) == logits.size(0) && (is_softmax || rows.targets.size(1) == logits.size(1)) &&
                    (!is_softmax || rows.targets.scalar_type() == torch::kLong);
  if (!fits) {
    refuse_temperature(fmt::format("logits [{},{}] need targets {}, one for each image", logits.size(0), logits.size(1),
                                   is_softmax ? "int64 [N]" : "floating [N,K]"));
  }
  if (rows.weights.defined() && (rows.weights.dim() != 1 || rows.weights.size(0) != logits.size(0))) {
    refuse_temperature("weights must be [N], one for each image");
  }
  if (logits.size(0) == 0) refuse_temperature("there are no images to fit a temperature to");
  if (!is_softmax || rows.targets.numel() == 0) return;
  const auto low = rows.targets.min().item<std::int64_t>();
  const auto high = rows.targets.max().item<std::int64_t>();
  if (low >= 0 && high < logits.size(1)) return;
  refuse_temperature(fmt::format("targets must be classes 0 … {}, got {}", logits.size(1) - 1, low < 0 ? low : high));
}

/// The loss as a function of the scale: Σ share [(1 + ε) curve(t) - t linear], with ε = 1 / observations.
template <class Real>
class ScaledLoss {
 public:
  ScaledLoss(const TemperatureRows& rows, Activation activation, double observations)
      : is_softmax_(activation == Activation::kSoftmax),
        logits_(rows.logits.to(torch::CppTypeToScalarType<Real>()).contiguous()),
        targets_(rows.targets.to(is_softmax_ ? torch::kLong : torch::kDouble).contiguous()),
        pseudo_(1 / observations) {
    const torch::Tensor weights =
        rows.weights.defined() ? rows.weights.to(torch::kDouble) : torch::ones({logits_.size(0)}, torch::kDouble);
    shares_ = (weights / weights.sum()).contiguous();
    largest_.resize(is_softmax_ ? static_cast<std::size_t>(images()) : 0);
    linear_.resize(static_cast<std::size_t>(images()));
    for_each_part([&](std::int64_t, std::int64_t i) { linear_[static_cast<std::size_t>(i)] = linear_of(i); });
    for (std::int64_t i = 0; i < images(); ++i) {
      if (std::isfinite(linear_[static_cast<std::size_t>(i)])) continue;
      refuse_temperature(fmt::format("the logits of row {} are not finite", i));
    }
  }

  /// firsts: float64 [N], each image's part of the first derivative; null: not wanted.
  TemperatureLoss at(double scale, double* firsts = nullptr) const {
    std::vector<TemperatureLoss> parts(static_cast<std::size_t>(num_parts()));
    for_each_part([&](std::int64_t part, std::int64_t i) {
      const TemperatureLoss own = share(i) * of_row(i, scale);
      parts[static_cast<std::size_t>(part)] += own;
      if (firsts != nullptr) firsts[i] = own.first;
    });
    TemperatureLoss sum;
    for (const TemperatureLoss& part : parts) sum += part;
    return sum;
  }

  std::int64_t images() const { return logits_.size(0); }

 private:
  std::int64_t classes() const { return logits_.size(1); }
  std::int64_t num_parts() const { return (images() + kRowsAtOnce - 1) / kRowsAtOnce; }
  double share(std::int64_t i) const { return shares_.template data_ptr<double>()[i]; }
  const Real* row(std::int64_t i) const { return logits_.template data_ptr<Real>() + i * classes(); }

  /// visit(part, image) for each image that has weight; the images of a part in order, by one thread.
  template <class Visit>
  void for_each_part(const Visit& visit) const {
    at::parallel_for(0, num_parts(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin * kRowsAtOnce; i < std::min(end * kRowsAtOnce, images()); ++i) {
        if (share(i) > 0) visit(i / kRowsAtOnce, i);
      }
    });
  }

  double linear_of(std::int64_t i) {
    if (is_softmax_) {
      const auto largest = static_cast<double>(*std::max_element(row(i), row(i) + classes()));
      largest_[static_cast<std::size_t>(i)] = largest;
      return linear_softmax(row(i), classes(), largest, targets_.template data_ptr<std::int64_t>()[i], pseudo_);
    }
    return linear_sigmoid(row(i), targets_.template data_ptr<double>() + i * classes(), classes(), pseudo_);
  }

  TemperatureLoss of_row(std::int64_t i, double scale) const {
    const auto image = static_cast<std::size_t>(i);
    const auto count = static_cast<std::size_t>(classes());
    TemperatureLoss loss = is_softmax_
                               ? (1 + pseudo_) * kernel_.log_sum(row(i), count, largest_[image], scale)
                               : (1 + pseudo_) / static_cast<double>(count) * kernel_.softplus(row(i), count, scale);
    const double linear = linear_[image];
    loss.loss -= scale * linear;
    loss.first -= linear;
    return loss;
  }

  bool is_softmax_;
  torch::Tensor logits_;   // [N,K]
  torch::Tensor targets_;  // int64 [N]; float64 [N,K]
  torch::Tensor shares_;   // float64 [N], of the weights
  double pseudo_;
  std::vector<double> largest_;  // [N], of each row; empty for sigmoids
  std::vector<double> linear_;   // [N]
  TemperatureKernel<Real> kernel_ = temperature_kernel<Real>();
};

/// The slope of a convex function is negative below its minimum and positive above it.
template <class Real>
TemperatureFit minimum_of(const ScaledLoss<Real>& loss, double start) {
  double low = TemperatureFit::kLeastScale;
  double high = kMostScale;
  double scale = std::clamp(start, low, high);
  for (int step = 0; step < kMostSteps; ++step) {
    const TemperatureLoss at = loss.at(scale);
    if (at.first == 0 && at.second == 0) return {.scale = scale};  // logits that are equal: any scale is right
    (at.first < 0 ? low : high) = scale;
    if (at.first > 0 && scale <= 2 * TemperatureFit::kLeastScale && loss.at(TemperatureFit::kLeastScale).first >= 0) {
      return {.scale = TemperatureFit::kLeastScale, .is_contradicted = true};
    }
    double next = scale - at.first / at.second;
    // A step that leaves the bracket, or a flat place: the geometric middle, near `scale` while one end is far away.
    if (!(next > low && next < high)) next = std::sqrt(std::max(low, scale / 64) * std::min(high, scale * 64));
    if (std::abs(next - scale) <= kSameScale * scale) return {.scale = next};
    scale = next;
  }
  return {.scale = scale};
}

/// Numbers from 0 on, of the images that have weight; the others' are those of their values.
struct FitGroups {
  torch::Tensor numbers;  // int64 [N]
  std::int64_t count = 0;
  std::int64_t with_weight = 0;
};

FitGroups groups_of(const TemperatureRows& rows) {
  FitGroups groups{.numbers = numbered_groups(rows.groups, rows.logits.size(0))};
  groups.count = groups.numbers.max().item<std::int64_t>() + 1;
  const torch::Tensor weights =
      rows.weights.defined() ? rows.weights.to(torch::kDouble) : torch::ones({rows.logits.size(0)}, torch::kDouble);
  const torch::Tensor sums = torch::zeros({groups.count}, torch::kDouble).index_add_(0, groups.numbers, weights);
  groups.with_weight = (sums > 0).sum().item<std::int64_t>();
  return groups;
}

template <class Real>
double log_error_of(const ScaledLoss<Real>& loss, double scale, const FitGroups& groups) {
  torch::Tensor firsts = torch::zeros({loss.images()}, torch::kDouble);
  const double curvature = loss.at(scale, firsts.data_ptr<double>()).second;
  if (!(curvature > 0) || groups.with_weight < 2) return std::numeric_limits<double>::infinity();
  const torch::Tensor sums = torch::zeros({groups.count}, torch::kDouble);
  sums.index_add_(0, groups.numbers, firsts);
  const auto count = static_cast<double>(groups.with_weight);
  const double spread = std::sqrt(count / (count - 1) * sums.square().sum().template item<double>());
  return spread / curvature / scale;
}

/// Calls `use` with the loss of the rows.
template <class Use>
auto with_scaled_loss(const TemperatureRows& rows, Activation activation, const Use& use) {
  check_temperature_rows(rows, activation);
  const torch::NoGradGuard no_grad;
  const FitGroups groups = groups_of(rows);
  const double observations = rows.observations.value_or(static_cast<double>(groups.with_weight));
  const bool has_weight = !rows.weights.defined() || rows.weights.sum().item<double>() > 0;
  if (!has_weight || !(observations > 0)) {
    refuse_temperature("no image has a weight above 0; there is nothing to fit a temperature to");
  }
  if (rows.logits.scalar_type() == torch::kDouble) {
    return use(ScaledLoss<double>(rows, activation, observations), groups);
  }
  return use(ScaledLoss<float>(rows, activation, observations), groups);
}

}  // namespace

TemperatureLoss temperature_loss(const TemperatureRows& rows, Activation activation, double scale) {
  if (!(scale > 0)) refuse_temperature(fmt::format("a scale must be above 0, got {}", scale));
  return with_scaled_loss(rows, activation, [&](const auto& loss, const FitGroups&) { return loss.at(scale); });
}

TemperatureFit fit_temperature(const TemperatureRows& rows, Activation activation, double start) {
  return with_scaled_loss(rows, activation, [&](const auto& loss, const FitGroups& groups) {
    TemperatureFit fit = minimum_of(loss, start);
    fit.log_error = log_error_of(loss, fit.scale, groups);
    return fit;
  });
}

}  // namespace margay::metric
