#include "margay/export/runtime_comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "margay/core/quantile.h"
#include "margay/metric/paired.h"

namespace margay::exporting {
namespace {

constexpr std::size_t kMostExamples = 50;

/// 0 where both are the same value that is no number.
double distance(float a, float b) {
  if (std::isfinite(a) && std::isfinite(b)) return std::abs(static_cast<double>(a) - static_cast<double>(b));
  return std::isinf(a) && a == b ? 0 : std::numeric_limits<double>::infinity();
}

std::size_t largest_of(std::span<const float> values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

std::vector<std::int64_t> labels_of(std::span<const float> probabilities) {
  std::vector<std::int64_t> labels;
  for (std::size_t k = 0; k < probabilities.size(); ++k) {
    if (probabilities[k] > 0.5F) labels.push_back(static_cast<std::int64_t>(k));
  }
  return labels;
}

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

}  // namespace

CertifiedSpeed speed_of(std::vector<double> seconds) {
  if (seconds.empty()) return {};
  std::sort(seconds.begin(), seconds.end());
  const double all = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  return {.images_per_s = all > 0 ? static_cast<double>(seconds.size()) / all : 0,
          .median_ms = 1000 * core::sorted_quantile(seconds, 0.5),
          .p95_ms = 1000 * core::sorted_quantile(seconds, 0.95)};
}

RuntimeComparison::RuntimeComparison(Setting setting) : setting_(std::move(setting)) {}

void RuntimeComparison::compare(const std::string& image, std::span<const float> margay, std::span<const float> runtime,
                                LargestDifference& largest) const {
  for (std::size_t k = 0; k < margay.size(); ++k) {
    const double difference = distance(margay[k], runtime[k]);
    if (difference > largest.value) largest = {difference, image, setting_.classes[k]};
  }
}

void RuntimeComparison::compare_decisions(const std::string& image, std::span<const float> margay,
                                          std::span<const float> runtime) {
  const std::int64_t before = verdict_.disagreements;
  const auto differs = [&](const std::string& ours, const std::string& theirs, double margin) {
    ++verdict_.disagreements;
    if (margin > setting_.bounds.max_margin) ++verdict_.beyond_margin;
    verdict_.examples.push_back({.image = image, .margay = ours, .runtime = theirs, .margin = margin});
  };
  if (setting_.is_multi_label) {
    for (std::size_t k = 0; k < margay.size(); ++k) {
      const bool is_ours = margay[k] > 0.5F;
      if (is_ours == (runtime[k] > 0.5F)) continue;
      differs(fmt::format("{}{}", is_ours ? "" : "not ", setting_.classes[k]),
              fmt::format("{}{}", is_ours ? "not " : "", setting_.classes[k]), distance(margay[k], 0.5F));
    }
  } else {
    const std::size_t ours = largest_of(margay);
    const std::size_t theirs = largest_of(runtime);
    if (ours != theirs) {
      differs(setting_.classes[ours], setting_.classes[theirs], distance(margay[ours], margay[theirs]));
    }
  }
  if (verdict_.disagreements == before) ++agreeing_;
  if (verdict_.examples.size() <= kMostExamples) return;
  std::stable_sort(verdict_.examples.begin(), verdict_.examples.end(),
                   [](const auto& a, const auto& b) { return a.margin > b.margin; });
  verdict_.examples.resize(kMostExamples);
}

/// A multi-label image is right where all of its labels are.
void RuntimeComparison::compare_accuracy(const ImageOutputs& margay, const ImageOutputs& runtime,
                                         const std::vector<std::int64_t>& right) {
  const auto is_right = [&](std::span<const float> probabilities) {
    if (setting_.is_multi_label) return labels_of(probabilities) == right;
    return right.size() == 1 && static_cast<std::int64_t>(largest_of(probabilities)) == right.front();
  };
  if (!verdict_.accuracy) verdict_.accuracy.emplace();
  const bool ours = is_right(margay.probabilities);
  const bool theirs = is_right(runtime.probabilities);
  ++verdict_.accuracy->images;
  verdict_.accuracy->margay_right += ours ? 1 : 0;
  verdict_.accuracy->runtime_right += theirs ? 1 : 0;
  only_margay_errs_ += !ours && theirs ? 1 : 0;
  only_runtime_errs_ += ours && !theirs ? 1 : 0;
}

void RuntimeComparison::add(const std::string& image, const ImageOutputs& margay, const ImageOutputs& runtime,
                            double seconds, const std::optional<std::vector<std::int64_t>>& right) {
  const std::size_t classes = setting_.classes.size();
  for (const std::vector<float>* values :
       {&margay.logits, &margay.probabilities, &runtime.logits, &runtime.probabilities}) {
    if (values->size() == classes && classes > 0) continue;
    throw std::invalid_argument(fmt::format("[compare] {} values for {} classes", values->size(), classes));
  }
  for (const float logit : margay.logits) {
    if (!std::isfinite(logit)) continue;
    lowest_logit_ = std::min<double>(lowest_logit_, logit);
    highest_logit_ = std::max<double>(highest_logit_, logit);
  }
  ++verdict_.images;
  compare(image, margay.logits, runtime.logits, verdict_.logits);
  compare(image, margay.probabilities, runtime.probabilities, verdict_.probabilities);
  if (margay.p_known && runtime.p_known) {
    if (!verdict_.p_known) verdict_.p_known.emplace();
    const double difference = distance(*margay.p_known, *runtime.p_known);
    if (difference > verdict_.p_known->value) verdict_.p_known = {difference, image, ""};
  }
  compare_decisions(image, margay.probabilities, runtime.probabilities);
  if (right) compare_accuracy(margay, runtime, *right);
  seconds_.push_back(seconds);
}

std::vector<std::string> RuntimeComparison::breaches(const RuntimeVerdict& verdict) const {
  const CertificateBounds& bounds = setting_.bounds;
  std::vector<std::string> found;
  if (setting_.is_quantised) {
    const double agreement =
        static_cast<double>(agreeing_) / static_cast<double>(std::max<std::int64_t>(1, verdict.images));
    if (agreement < bounds.min_agreement) {
      found.push_back(fmt::format("it decides as Margay about {} of the images; {} is the bound", percent(agreement),
                                  percent(bounds.min_agreement)));
    }
    if (verdict.accuracy && -verdict.accuracy->difference.value > bounds.max_accuracy_loss) {
      found.push_back(fmt::format("its accuracy is lower by {}; {} is the bound",
                                  percent(-verdict.accuracy->difference.value), percent(bounds.max_accuracy_loss)));
    }
    return found;
  }
  const double logit_bound = bounds.max_logit_difference * verdict.logit_range;
  if (verdict.logits.value > logit_bound) {
    found.push_back(fmt::format("a logit differs by {:.3g} ({}, class {}); {:.3g} is the bound", verdict.logits.value,
                                verdict.logits.image, verdict.logits.name, logit_bound));
  }
  const auto check_probability = [&](const LargestDifference& largest, const std::string& what) {
    if (largest.value <= bounds.max_probability_difference) return;
    found.push_back(fmt::format("{} differs by {:.3g} ({}{}); {:.3g} is the bound", what, largest.value, largest.image,
                                largest.name.empty() ? "" : ", class " + largest.name,
                                bounds.max_probability_difference));
  };
  check_probability(verdict.probabilities, "a probability");
  if (verdict.p_known && !(verdict.p_known->value <= bounds.max_known_difference)) {
    found.push_back(fmt::format("p_known differs by {:.3g} ({}); {:.3g} is the bound", verdict.p_known->value,
                                verdict.p_known->image, bounds.max_known_difference));
  }
  if (verdict.beyond_margin > 0) {
    const auto worst = std::max_element(verdict.examples.begin(), verdict.examples.end(),
                                        [](const auto& a, const auto& b) { return a.margin < b.margin; });
    found.push_back(fmt::format("{} decisions differ beyond a margin of {:.3g}, as {}: {} in place of {}",
                                verdict.beyond_margin, bounds.max_margin, worst->image, worst->runtime, worst->margay));
  }
  return found;
}

RuntimeVerdict RuntimeComparison::verdict() const {
  RuntimeVerdict verdict = verdict_;
  verdict.logit_range = std::max(0.0, highest_logit_ - lowest_logit_);
  verdict.speed = speed_of(seconds_);
  std::stable_sort(verdict.examples.begin(), verdict.examples.end(),
                   [](const auto& a, const auto& b) { return a.margin > b.margin; });
  if (verdict.accuracy) {
    verdict.accuracy->difference =
        metric::paired_share_difference(only_margay_errs_, only_runtime_errs_, verdict.accuracy->images);
  }
  verdict.breaches = breaches(verdict);
  return verdict;
}

const core::OptionTable& CertificateBounds::fields() {
  using O = CertificateBounds;
  static const core::OptionTable table(
      "bounds",
      {core::field<&O::max_logit_difference>(
           "max_logit_difference", "the largest difference of a logit, as a share of the logits' range", {0, 1}),
       core::field<&O::max_probability_difference>("max_probability_difference",
                                                   "the largest difference of a probability", {0, 1}),
       core::field<&O::max_margin>(
           "max_margin", "decisions may differ where Margay's probabilities are so close to each other", {0, 1}),
       core::field<&O::max_known_difference>("max_known_difference",
                                             "of p_known, which goes in steps of one calibration image", {0, 1}),
       core::field<&O::max_accuracy_loss>("max_accuracy_loss", "of a quantised file, on labelled images", {0, 1}),
       core::field<&O::min_agreement>(
           "min_agreement", "of a quantised file: the share of images about which it decides as Margay", {0, 1})});
  return table;
}

}  // namespace margay::exporting
