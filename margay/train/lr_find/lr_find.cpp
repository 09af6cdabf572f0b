#include "margay/train/lr_find/lr_find.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/collective/group.h"
#include "margay/model/network_state.h"
#include "margay/train/callback/callback.h"
#include "margay/train/checkpoint/checkpoint.h"
#include "margay/train/learner.h"
#include "margay/train/task_loss.h"

namespace margay::train {
namespace {

constexpr double kDivergedRatio = 4;  // fastai's

LrSweepOptions checked_sweep(const LrSweepOptions& options) {
  core::validate(options);
  if (options.start_lr < options.end_lr) return options;
  throw std::invalid_argument(
      fmt::format("[lr_find] start_lr must be below end_lr, got {} and {}", options.start_lr, options.end_lr));
}

}  // namespace

LrSweep::LrSweep(const LrSweepOptions& options)
    : options_(checked_sweep(options)), schedule_(sched_exp(options.start_lr, options.end_lr)) {}

double LrSweep::lr_at(std::int64_t step) const {
  return schedule_(static_cast<double>(step) / static_cast<double>(options_.num_it));
}

bool LrSweep::add(std::int64_t step, double loss) {
  const auto taken = static_cast<std::int64_t>(curve_.lrs.size());
  if (step != taken) throw std::invalid_argument(fmt::format("[lr_find] expected step {}, got {}", taken, step));
  if (!std::isfinite(loss)) return true;
  smooth_loss_.add(loss);
  const double smooth = smooth_loss_.value();
  curve_.lrs.push_back(lr_at(step));
  curve_.losses.push_back(smooth);
  lowest_ = std::min(lowest_, smooth);
  const bool is_diverged = options_.stop_div && smooth > kDivergedRatio * lowest_;
  return is_diverged || step + 1 >= options_.num_it;
}

const core::OptionTable& LrSweepOptions::fields() {
  static const core::OptionTable table(
      "lr_find",
      {core::field<&LrSweepOptions::start_lr>("start_lr", "rate of the first step", {1e-12, 1e3}),
       core::field<&LrSweepOptions::end_lr>("end_lr", "rate that one step more than num_it would have", {1e-12, 1e3}),
       core::field<&LrSweepOptions::num_it>("num_it", "training steps", {6, 1e6}),
       core::field<&LrSweepOptions::stop_div>("stop_div", "stop when the smoothed loss is 4 times its lowest")});
  return table;
}

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

namespace {

/// fastai's optimizers have this momentum until a schedule says another.
constexpr double kMomentum = 0.9;

/// Ends the sweep; never leaves lr_find.
struct SweepIsOver {};

class SweepCallback : public Callback {
 public:
  SweepCallback(LrSweep& sweep, const LrFindListener& on_step) : sweep_(sweep), on_step_(on_step) {}

  void after_batch(Learner& learner, const Progress& at) override {
    const bool is_over = sweep_.add(step_, learner.steps().back().loss);
    if (on_step_) on_step_(step_, at.lrs.back(), at.smooth_loss);
    ++step_;
    if (is_over) throw SweepIsOver();
  }
  std::int64_t step() const { return step_; }

 private:
  LrSweep& sweep_;
  const LrFindListener& on_step_;
  std::int64_t step_ = 0;
};

/// Puts a learner back as it was.
class Restorer {
 public:
  explicit Restorer(Learner& learner)
      : learner_(learner), mode_(learner.classifier()), was_resuming_(learner.is_resuming()) {
    learner.drop_gradients();  // of a fit that an exception ended
    callbacks_ = learner.exchange_callbacks({});
    before_ = copied(take_snapshot(learner));
  }
  void restore() {
    train::restore(learner_, before_, "lr_find");
    if (!was_resuming_) learner_.begin_anew();
    learner_.exchange_callbacks(std::move(callbacks_));
  }

 private:
  Learner& learner_;
  model::ModeGuard mode_;
  bool was_resuming_;
  std::vector<std::shared_ptr<Callback>> callbacks_;
  Snapshot before_;
};

void check_same_sweep(const Learner& learner, const LrSweepOptions& options) {
  std::vector<collective::SameThing> things;
  const nlohmann::ordered_json all = core::to_json(options);
  for (const auto& [name, value] : all.items()) {
    things.push_back({fmt::format("`{}`", name), value.dump()});
  }
  collective::check_same(learner.group(), things);
}

void sweep_rates(Learner& learner, LrSweep& sweep, const LrFindListener& on_step) {
  const auto callback = std::make_shared<SweepCallback>(sweep, on_step);
  learner.exchange_callbacks({callback});
  learner.set_lr_factor(1);
  const auto schedule = [&](double) {
    return Hyper{std::vector<double>(learner.num_groups(), sweep.lr_at(callback->step())), kMomentum};
  };
  try {
    learner.train_only(schedule);
  } catch (const SweepIsOver&) {
  } catch (const DivergedError&) {  // the loss at so high a rate; the curve ends before it
  }
}

}  // namespace

LrFindResult lr_find(Learner& learner, const LrSweepOptions& options, const LrFindListener& on_step) {
  if (learner.is_fitting())
    throw std::invalid_argument("[lr_find] cannot be called from a callback: a fit is under way");
  LrSweep sweep(options);
  check_same_sweep(learner, options);
  Restorer restorer(learner);
  try {
    sweep_rates(learner, sweep, on_step);
  } catch (...) {
    restorer.restore();
    throw;
  }
  restorer.restore();
  return {sweep.curve(), lr_suggestions(sweep.curve(), options.num_it)};
}

}  // namespace margay::train
