#include "margay/run/compare_runs.h"

#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::run {
namespace {

using metric::Difference;

/// By the spread of repeats; nothing where there are none, or where they do not differ at all.
std::optional<Difference> by_repeats(const RunResult& a, const RunResult& b) {
  if (a.values.size() > 1 && b.values.size() > 1) {
    return metric::compare_means(metric::repeated_mean(a.values), metric::repeated_mean(b.values));
  }
  if (a.values.size() > 1) return metric::compare_with_one(metric::repeated_mean(a.values), b.values.front());
  if (b.values.size() == 1) return std::nullopt;
  auto difference = metric::compare_with_one(metric::repeated_mean(b.values), a.values.front());
  if (difference) difference->value = -difference->value;
  return difference;
}

std::optional<Difference> by_images(const RunResult& a, const RunResult& b) {
  if (!is_share_of_images(a.metric) || !a.valid_images || !b.valid_images) return std::nullopt;
  return metric::compare_shares(a.mean(), *a.valid_images, b.mean(), *b.valid_images);
}

std::string noise_words(const RunComparison& comparison) {
  const std::size_t a = comparison.a.values.size();
  const std::size_t b = comparison.b.values.size();
  switch (comparison.noise) {
    case Noise::kRepeats:
      return fmt::format("95 %, Welch's t of {} and {} repeats", a, b);
    case Noise::kOneRepeat:
      return fmt::format("95 %, t of one run against {} repeats", std::max(a, b));
    default:
      return fmt::format("1.96 standard errors of shares of {} and {} images, unpaired", *comparison.a.valid_images,
                         *comparison.b.valid_images);
  }
}

/// Why nothing is known of the noise.
std::string missing_words(const RunComparison& comparison) {
  if (!is_share_of_images(comparison.a.metric)) {
    return fmt::format("one {} has no error bar, repeats with other seeds would give it one", comparison.a.metric);
  }
  return "the size of the validation set is not recorded";
}

}  // namespace

double RunResult::mean() const {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

std::optional<double> RunResult::standard_error() const {
  if (values.size() > 1) return metric::repeated_mean(values).standard_error;
  if (values.empty() || !valid_images || !is_share_of_images(metric)) return std::nullopt;
  const double share = values.front();
  if (!(share > 0 && share < 1)) return std::nullopt;  // the formula says nothing there
  return metric::share_standard_error(share, *valid_images);
}

RunResult result_of(std::string label, const std::vector<RunRecord>& runs, const std::string& metric) {
  RunResult result{.label = std::move(label), .metric = metric, .values = {}, .valid_images = {}};
  for (const RunRecord& run : runs) {
    const std::optional<double> value = run.last(metric);
    if (!value) continue;
    const bool is_first = result.values.empty();
    if (is_first || result.valid_images != run.valid_images) {
      result.valid_images = is_first ? run.valid_images : std::nullopt;
    }
    result.values.push_back(*value);
  }
  return result;
}

RunComparison compare_results(const RunResult& a, const RunResult& b) {
  if (a.metric != b.metric) {
    throw std::invalid_argument(fmt::format("[compare] one metric for both, got {} and {}", a.metric, b.metric));
  }
  for (const RunResult* each : {&a, &b}) {
    if (each->values.empty()) throw std::invalid_argument(fmt::format("[compare] {} has no {}", each->label, a.metric));
  }
  RunComparison comparison{.a = a, .b = b, .noise = Noise::kUnknown, .difference = {.value = b.mean() - a.mean()}};
  if (const auto difference = by_repeats(a, b)) {
    comparison.noise = a.values.size() > 1 && b.values.size() > 1 ? Noise::kRepeats : Noise::kOneRepeat;
    comparison.difference = *difference;
  } else if (const auto shares = by_images(a, b)) {
    comparison.noise = Noise::kImages;
    comparison.difference = *shares;
  }
  return comparison;
}

std::string verdict(const RunComparison& comparison) {
  const Difference& difference = comparison.difference;
  const std::string& a = comparison.a.label;
  const std::string& b = comparison.b.label;
  const std::string words = difference.value == 0
                                ? fmt::format("{}: {} and {} are equal", comparison.a.metric, b, a)
                                : fmt::format("{}: {} is {:.4f} {} than {}", comparison.a.metric, b,
                                              std::abs(difference.value), difference.value < 0 ? "lower" : "higher", a);
  if (comparison.noise == Noise::kUnknown) {
    return fmt::format("{}; its noise is not known: {}", words, missing_words(comparison));
  }
  const std::string end = difference.is_beyond_noise()
                              ? fmt::format("the difference is beyond it (p = {:.2g})", difference.p_value)
                              : "the difference is not significant";
  return fmt::format("{}; the noise of this comparison is {:.4f} ({}): {}", words, difference.noise,
                     noise_words(comparison), end);
}

namespace {

using Json = nlohmann::ordered_json;

struct Leaf {
  std::string key;
  Json value;
};

void gather(const Json& json, const std::string& key, std::vector<Leaf>& leaves) {
  if (!json.is_object()) {
    leaves.push_back({key, json});
    return;
  }
  for (const auto& [name, value] : json.items()) gather(value, key.empty() ? name : key + "." + name, leaves);
}

std::vector<Leaf> leaves_of(const Json& json) {
  std::vector<Leaf> leaves;
  if (json.is_object()) gather(json, "", leaves);
  return leaves;
}

}  // namespace

std::vector<SettingDifference> config_difference(const Json& a, const Json& b) {
  const std::vector<Leaf> leaves_a = leaves_of(a);
  const std::vector<Leaf> leaves_b = leaves_of(b);
  std::map<std::string, Json> of_a;
  std::map<std::string, Json> of_b;
  for (const Leaf& leaf : leaves_a) of_a[leaf.key] = leaf.value;
  for (const Leaf& leaf : leaves_b) of_b[leaf.key] = leaf.value;
  std::vector<SettingDifference> differences;
  for (const Leaf& leaf : leaves_a) {
    const auto other = of_b.find(leaf.key);
    if (other == of_b.end()) {
      differences.push_back({leaf.key, leaf.value, std::nullopt});
    } else if (other->second != leaf.value) {
      differences.push_back({leaf.key, leaf.value, other->second});
    }
  }
  for (const Leaf& leaf : leaves_b) {
    if (of_a.count(leaf.key) == 0) differences.push_back({leaf.key, std::nullopt, leaf.value});
  }
  return differences;
}

}  // namespace margay::run
