#include "margay/train/lr_find/lr_suggestions.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::train {
namespace {

using Index = std::ptrdiff_t;

/// The part of a curve that is judged, in the precision in which fastai judges it: ties then fall as there.
struct Judged {
  std::vector<double> lrs;
  std::vector<float> losses;

  Index size() const { return static_cast<Index>(losses.size()); }
};

Judged judged_part(const LrCurve& curve, std::int64_t num_it) {
  constexpr std::size_t kSkippedAtEnd = 5;
  const auto begin = static_cast<std::size_t>(std::max<std::int64_t>(num_it / 10, 0));
  Judged part;
  for (std::size_t i = begin; i + kSkippedAtEnd < curve.lrs.size() && !std::isnan(curve.losses[i]); ++i) {
    part.lrs.push_back(curve.lrs[i]);
    part.losses.push_back(static_cast<float>(curve.losses[i]));
  }
  return part;
}

/// The valley is the longest falling subsequence, found by patience sorting: ends[k] is the highest loss with which a
/// falling subsequence of k + 1 losses can end.
std::optional<double> valley(const Judged& curve) {
  constexpr Index kShortest = 3;
  std::vector<float> ends;
  Index last = 0;
  for (Index i = 0; i < curve.size(); ++i) {
    const auto at = std::lower_bound(ends.begin(), ends.end(), curve.losses[i], std::greater<>());
    if (at != ends.end()) {
      *at = curve.losses[i];
    } else {
      ends.push_back(curve.losses[i]);
      last = i;
    }
  }
  const auto length = static_cast<Index>(ends.size());
  if (length < kShortest) return std::nullopt;
  // As if the subsequence had no gaps: a third of the way, and half a third.
  return curve.lrs[static_cast<std::size_t>(last - length + length / 3 + length / 6)];
}

/// Change of the loss per step, by central differences (numpy.gradient).
float slope_at(const std::vector<float>& losses, Index i) {
  const auto last = static_cast<Index>(losses.size()) - 1;
  if (i == 0) return losses[1] - losses[0];
  if (i == last) return losses[last] - losses[last - 1];
  return (losses[i + 1] - losses[i - 1]) / 2;
}

std::optional<double> slide(const Judged& curve) {
  constexpr Index kWindow = 15;
  constexpr double kThreshold = 0.005;
  Index right = curve.size() - 1;
  if (right < kWindow) return std::nullopt;
  Index found = right - kWindow;
  const auto differs = [&](Index left) {
    return std::abs(slope_at(curve.losses, left + kWindow) - slope_at(curve.losses, left)) > kThreshold;
  };
  for (Index left = found; left >= 0 && differs(left); --left) found = left;
  return curve.lrs[found];
}

std::optional<double> minimum(const Judged& curve) {
  const auto lowest = std::min_element(curve.losses.begin(), curve.losses.end());
  if (curve.size() < 2 || lowest == curve.losses.begin()) return std::nullopt;
  return curve.lrs[static_cast<std::size_t>(lowest - curve.losses.begin())] / 10;
}

std::optional<double> steep(const Judged& curve) {
  std::optional<double> lr;
  float steepest = 0;
  for (Index i = 0; i + 1 < curve.size(); ++i) {
    const float distance = std::log(static_cast<float>(curve.lrs[i + 1])) - std::log(static_cast<float>(curve.lrs[i]));
    const float slope = (curve.losses[i + 1] - curve.losses[i]) / distance;
    if (slope >= steepest) continue;
    steepest = slope;
    lr = curve.lrs[i];
  }
  return lr;
}

struct Rule {
  const char* name;
  std::optional<double> (*find)(const Judged&);
  const char* words;
};

constexpr Rule kRules[] = {
    {"valley", valley, "the middle of the longest valley of the curve"},
    {"slide", slide,
     "the low end of the last window of 15 steps, slid down from the highest rates, whose ends differ in slope"},
    {"minimum", minimum, "a tenth of the rate with the lowest loss"},
    {"steep", steep, "the rate at which the loss falls fastest"},
};

void check_curve(const LrCurve& curve) {
  if (curve.lrs.size() != curve.losses.size()) {
    throw std::invalid_argument(
        fmt::format("[lr_suggestions] {} rates and {} losses", curve.lrs.size(), curve.losses.size()));
  }
  double before = 0;
  for (const double lr : curve.lrs) {
    if (!(lr > before)) {
      throw std::invalid_argument(
          fmt::format("[lr_suggestions] rates must be positive and grow, got {} after {}", lr, before));
    }
    before = lr;
  }
}

}  // namespace

std::vector<LrSuggestion> lr_suggestions(const LrCurve& curve, std::int64_t num_it) {
  check_curve(curve);
  const Judged judged = judged_part(curve, num_it);
  std::vector<LrSuggestion> suggestions;
  for (const Rule& rule : kRules) {
    if (const auto lr = rule.find(judged)) suggestions.push_back({rule.name, *lr, rule.words});
  }
  return suggestions;
}

}  // namespace margay::train
