#include "margay/train/probe/strength_choice.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <utility>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/predict/predictions.h"
#include "margay/train/probe/probe_rows.h"

namespace margay::train {
namespace {

constexpr double kSameLoss = 1e-7;  // nats
constexpr int kGridPerDecade = 8;
constexpr int kFixed = 0;

/// One that chooses: all rows, or those outside a fold.
struct StrengthChooser {
  torch::Tensor weights;  // float64 [R], 0 for rows of the fold
  double total = 0;
  double observations = 0;
};

/// How a strength does by one chooser.
struct StrengthTrial {
  OutputScale scale;
  double loss = 0;
  double error = 0;  // by all rows
};

class StrengthSearch {
 public:
  StrengthSearch(const ChoiceRows& rows, std::optional<double> fixed, const StrengthGrid& grid)
      : rows_(rows), fixed_(fixed), grid_(grid) {
    choosers_.push_back(chooser(rows.weights));
    for (std::int64_t fold = 0; fold < rows.num_folds; ++fold) {
      choosers_.push_back(chooser(rows.weights * (rows.folds != fold)));
    }
  }

  StrengthChoice run() {
    StrengthChoice choice;
    const std::vector<int> best = search();
    choice.all = chosen(best[0], 0);
    for (std::size_t c = 1; c < choosers_.size(); ++c) choice.without_fold.push_back(chosen(best[c], c));
    for (const auto& [place, trials] : trials_) {
      choice.tried.push_back({.strength = strength(place), .loss = trials[0].loss, .error = trials[0].error});
    }
    return choice;
  }

 private:
  StrengthChooser chooser(const torch::Tensor& weights) const {
    const torch::Tensor used = rows_.groups.masked_select(weights > 0);
    return {.weights = weights,
            .total = weights.sum().item<double>(),
            .observations = static_cast<double>(std::get<0>(torch::_unique2(used)).size(0))};
  }

  double strength(int place) const {
    return fixed_ ? *fixed_ : std::pow(10, static_cast<double>(place) / kGridPerDecade);
  }

  ChosenStrength chosen(int place, std::size_t chooser) const {
    return {.strength = strength(place), .scale = trials_.at(place)[chooser].scale};
  }

  /// The best place of each chooser.
  std::vector<int> search() {
    if (fixed_) {
      try_places({kFixed});
      return std::vector<int>(choosers_.size(), kFixed);
    }
    std::vector<int> coarse;
    for (int place = grid_.low; place <= grid_.high; place += grid_.step) coarse.push_back(place);
    std::vector<std::vector<int>> places(choosers_.size(), coarse);
    while (widen(places)) {
    }
    if (grid_.is_refined) refine(places);
    std::vector<int> best;
    for (std::size_t c = 0; c < choosers_.size(); ++c) best.push_back(best_of(places[c], c));
    return best;
  }

  /// Adds a decade beyond the ends where the best is. Returns whether there was such an end.
  bool widen(std::vector<std::vector<int>>& places) {
    try_all(places);
    bool is_wider = false;
    for (std::size_t c = 0; c < choosers_.size(); ++c) {
      const int best = best_of(places[c], c);
      const auto [low, high] = std::minmax_element(places[c].begin(), places[c].end());
      const int beyond = best == *high ? grid_.step : best == *low ? -grid_.step : 0;
      for (int i = 1; beyond != 0 && i <= kGridPerDecade / grid_.step; ++i) {
        const int place = best + i * beyond;
        if (place < grid_.lowest || place > grid_.highest) break;
        places[c].push_back(place);
        is_wider = true;
      }
    }
    return is_wider;
  }

  void refine(std::vector<std::vector<int>>& places) {
    for (std::size_t c = 0; c < choosers_.size(); ++c) {
      const int best = best_of(places[c], c);
      for (int i = 1; i < grid_.step; ++i) {
        if (best - i >= grid_.lowest) places[c].push_back(best - i);
        if (best + i <= grid_.highest) places[c].push_back(best + i);
      }
    }
    try_all(places);
  }

  int best_of(const std::vector<int>& places, std::size_t chooser) const {
    const auto loss = [&](int place) { return trials_.at(place)[chooser].loss; };
    double lowest = std::numeric_limits<double>::infinity();
    for (const int place : places) lowest = std::min(lowest, loss(place));
    int best = std::numeric_limits<int>::min();
    for (const int place : places) {
      if (loss(place) <= lowest + kSameLoss) best = std::max(best, place);
    }
    return best;
  }

  void try_all(const std::vector<std::vector<int>>& places) {
    std::vector<int> all;
    for (const std::vector<int>& some : places) all.insert(all.end(), some.begin(), some.end());
    try_places(all);
  }

  void try_places(std::vector<int> places) {
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    std::erase_if(places, [&](int place) { return trials_.contains(place); });
    std::vector<double> strengths;
    for (const int place : places) strengths.push_back(strength(place));
    if (places.empty()) return;
    rows_.for_each_output(strengths,
                          [&](std::size_t i, const torch::Tensor& outputs) { trials_[places[i]] = trials(outputs); });
  }

  std::vector<StrengthTrial> trials(const torch::Tensor& outputs) const {
    std::vector<StrengthTrial> result;
    for (const StrengthChooser& chooser : choosers_) {
      const ScaleRows rows{outputs, rows_.targets, chooser.weights, chooser.observations};
      // Without a fold the scale is near that of all rows.
      StrengthTrial trial{fit_output_scale(rows, rows_.task, result.empty() ? nullptr : &result[0].scale)};
      const torch::Tensor logits = trial.scale.logits(outputs);
      const auto mean = [&](const torch::Tensor& of_each) {
        return of_each.to(torch::kDouble).dot(chooser.weights).item<double>() / chooser.total;
      };
      trial.loss = mean(metric::image_losses(logits, rows_.targets, predict::activation_of(rows_.task)));
      if (result.empty()) trial.error = mean(image_errors(logits, rows_.targets, rows_.task));
      result.push_back(std::move(trial));
    }
    return result;
  }

  ChoiceRows rows_;
  std::optional<double> fixed_;
  StrengthGrid grid_;
  std::vector<StrengthChooser> choosers_;             // all rows, then those without each fold
  std::map<int, std::vector<StrengthTrial>> trials_;  // by place on the grid; one a chooser
};

}  // namespace

StrengthChoice choose_strength(const ChoiceRows& rows, const std::optional<double>& fixed, const StrengthGrid& grid) {
  const torch::NoGradGuard no_grad;
  return StrengthSearch(rows, fixed, grid).run();
}

StrengthGrid strength_grid(std::int64_t images) {
  StrengthGrid grid;
  const double decades = std::log10(10 * static_cast<double>(images));
  grid.highest = grid.step * static_cast<int>(std::ceil(decades * kGridPerDecade / grid.step));
  grid.high = std::min(grid.high, grid.highest);
  return grid;
}

}  // namespace margay::train
