#include "margay/data/source/balance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace margay::data {
namespace {

double weight_of(std::int64_t count, const ClassWeightOptions& options) {
  const auto n = static_cast<double>(count);
  if (options.weighting == RarityWeighting::kInverseFrequency) return 1 / n;
  return (1 - options.beta) / (1 - std::pow(options.beta, n));
}

/// Divides by the mean of those that are not 0.
void bring_mean_to_one(std::vector<double>& weights) {
  const auto occurring = std::count_if(weights.begin(), weights.end(), [](double weight) { return weight > 0; });
  const double mean = std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(occurring);
  for (double& weight : weights) weight /= occurring > 0 ? mean : 1;
}

}  // namespace

std::vector<std::int64_t> class_counts(const Dataset& dataset) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(dataset.num_classes()), 0);
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    for (const std::int64_t k : dataset.classes(i)) ++counts[static_cast<std::size_t>(k)];
  }
  return counts;
}

std::vector<double> class_weights(const Dataset& dataset, const ClassWeightOptions& options) {
  core::validate(options);
  std::vector<double> weights;
  for (const std::int64_t count : class_counts(dataset)) weights.push_back(count == 0 ? 0 : weight_of(count, options));
  bring_mean_to_one(weights);
  std::replace(weights.begin(), weights.end(), 0.0, 1.0);
  return weights;
}

std::vector<double> sample_weights(const Dataset& dataset) {
  const std::vector<std::int64_t> counts = class_counts(dataset);
  std::vector<std::int64_t> rarest(dataset.size(), 0);  // 0: of no class
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    for (const std::int64_t k : dataset.classes(i)) {
      const std::int64_t count = counts[static_cast<std::size_t>(k)];
      rarest[i] = rarest[i] == 0 ? count : std::min(rarest[i], count);
    }
  }
  const std::int64_t without = std::count(rarest.begin(), rarest.end(), 0);
  std::vector<double> weights;
  for (const std::int64_t count : rarest) weights.push_back(1 / static_cast<double>(count == 0 ? without : count));
  bring_mean_to_one(weights);
  return weights;
}

const core::OptionTable& ClassWeightOptions::fields() {
  static const core::OptionTable table(
      "class_weights",
      {core::field<&ClassWeightOptions::weighting>("weighting", "inverse_frequency or effective_number"),
       core::field<&ClassWeightOptions::beta>("beta", "of the effective number", {0, 0.999999999})});
  return table;
}

}  // namespace margay::data
