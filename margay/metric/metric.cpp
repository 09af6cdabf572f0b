#include "margay/metric/metric.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/loss/binary_cross_entropy.h"
#include "margay/loss/cross_entropy.h"

namespace margay::metric {
namespace {

std::int64_t count_correct(const torch::Tensor& logits, const torch::Tensor& targets) {
  if (logits.dim() != 2 || targets.dim() != 1 || logits.size(0) != targets.size(0)) {
    throw std::invalid_argument("[accuracy] logits must be [N,K] and targets [N]");
  }
  return logits.argmax(1).eq(targets).sum().item<std::int64_t>();
}

double share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double accuracy(const torch::Tensor& logits, const torch::Tensor& targets) {
  return share(count_correct(logits, targets), targets.size(0));
}

double error_rate(const torch::Tensor& logits, const torch::Tensor& targets) { return 1.0 - accuracy(logits, targets); }

void Accuracy::reset() {
  correct_ = 0;
  seen_ = 0;
}

void Accuracy::update(const torch::Tensor& logits, const torch::Tensor& targets) {
  correct_ += count_correct(logits, targets);
  seen_ += targets.size(0);
}

double Accuracy::value() const { return share(correct_, seen_); }

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

torch::Tensor plus(const torch::Tensor& sum, const torch::Tensor& is_set) {
  const torch::Tensor count = is_set.sum(0).cpu();
  return sum.defined() ? sum + count : count;
}

}  // namespace

void MultiLabelCounts::add(const torch::Tensor& logits, const torch::Tensor& targets, double threshold) {
  if (logits.dim() != 2 || targets.sizes() != logits.sizes()) {
    throw std::invalid_argument("[multi_label] logits and targets must both be [N,K]");
  }
  const torch::Tensor predictions = logits.sigmoid() > threshold;
  const torch::Tensor truths = targets > 0.5;
  true_positives = plus(true_positives, predictions & truths);
  false_positives = plus(false_positives, predictions & ~truths);
  false_negatives = plus(false_negatives, ~predictions & truths);
  exact += (predictions == truths).all(1).sum().item<std::int64_t>();
  images += logits.size(0);
}

double MultiLabelCounts::accuracy() const {
  if (images == 0) return kNan;
  const auto wrong = (false_positives + false_negatives).sum().item<double>();
  return 1 - wrong / static_cast<double>(images * true_positives.size(0));
}

double MultiLabelCounts::exact_match() const {
  return images == 0 ? kNan : static_cast<double>(exact) / static_cast<double>(images);
}

double MultiLabelCounts::f1_macro() const {
  if (images == 0) return kNan;
  const torch::Tensor twice = 2 * true_positives.to(torch::kDouble);
  const torch::Tensor all = twice + false_positives + false_negatives;
  return (twice / all.clamp_min(1)).mean().item<double>();
}

void MultiLabelAccuracy::update(const torch::Tensor& logits, const torch::Tensor& targets) {
  counts_.add(logits, targets, threshold_);
}

namespace {

struct NamedMetric {
  const char* name;
  TargetKind targets;
  std::shared_ptr<Metric> (*make)();
};

template <class T>
std::shared_ptr<Metric> make_metric() {
  return std::make_shared<T>();
}

constexpr NamedMetric kMetrics[] = {{"accuracy", TargetKind::kOneClass, make_metric<Accuracy>},
                                    {"error_rate", TargetKind::kOneClass, make_metric<ErrorRate>},
                                    {"accuracy_multi", TargetKind::kAnyClasses, make_metric<MultiLabelAccuracy>},
                                    {"f1_multi", TargetKind::kAnyClasses, make_metric<MultiLabelF1>}};

}  // namespace

std::vector<std::string> metric_names(TargetKind targets) {
  std::vector<std::string> names;
  for (const NamedMetric& each : kMetrics) {
    if (each.targets == targets) names.emplace_back(each.name);
  }
  return names;
}

std::shared_ptr<Metric> metric_by_name(const std::string& name) {
  std::vector<std::string> known;
  for (const NamedMetric& each : kMetrics) {
    if (name == each.name) return each.make();
    known.emplace_back(each.name);
  }
  throw std::invalid_argument(fmt::format("[metric] there is no '{}' among {}{}", name, core::joined(known, ", "),
                                          core::did_you_mean(name, known)));
}

namespace {

/// LibTorch's own takes another exp for the last elements of a thread's part, so that an image's probabilities would
/// depend on its place among others.
torch::Tensor sigmoids_of(const torch::Tensor& logits) {
  if (!logits.is_cpu() || logits.scalar_type() != torch::kFloat || logits.requires_grad()) return logits.sigmoid();
  torch::Tensor result = logits.contiguous().clone();
  auto* const numbers = result.data_ptr<float>();
  std::transform(numbers, numbers + result.numel(), numbers, [](float x) { return 1.0F / (1.0F + std::exp(-x)); });
  return result;
}

}  // namespace

torch::Tensor probabilities(const torch::Tensor& logits, Activation activation) {
  return activation == Activation::kSoftmax ? torch::softmax(logits, 1) : sigmoids_of(logits);
}

torch::Tensor image_losses(const torch::Tensor& logits, const torch::Tensor& targets, Activation activation) {
  constexpr auto kNone = loss::Reduction::kNone;
  if (activation == Activation::kSoftmax) return loss::cross_entropy(logits, targets, {.reduction = kNone});
  return loss::binary_cross_entropy_with_logits(logits, targets, {.reduction = kNone}).mean(1);
}

}  // namespace margay::metric
