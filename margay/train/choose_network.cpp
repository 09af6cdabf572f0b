#include "margay/train/choose_network.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::train {
namespace {

constexpr double kForwardShare = 1.0 / 3;  // of a training step's work
constexpr double kDoubt = 2;               // an estimate may be wrong by such a factor

bool is_better(const NetworkCandidate& a, const NetworkCandidate& b) {
  return a.top1 != b.top1 ? a.top1 > b.top1 : a.images_per_s > b.images_per_s;
}

bool is_faster(const NetworkCandidate& a, const NetworkCandidate& b) { return a.images_per_s > b.images_per_s; }

/// The first in an order among those that `may`; nothing if there is none.
template <class Order, class May>
std::optional<std::size_t> first(const std::vector<NetworkCandidate>& candidates, Order order, May may) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (may(i) && (!found || order(candidates[i], candidates[*found]))) found = i;
  }
  return found;
}

/// The measured network of which the other is the least multiple, or the least part.
const NetworkCandidate& nearest_measured(const std::vector<NetworkCandidate>& candidates, double gigamacs) {
  const auto distance = [&](std::size_t i) { return std::abs(std::log(candidates[i].gigamacs / gigamacs)); };
  std::optional<std::size_t> nearest;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].is_measured && (!nearest || distance(i) < distance(*nearest))) nearest = i;
  }
  if (!nearest) throw std::invalid_argument("[estimate_speeds] no network has been measured");
  return candidates[*nearest];
}

/// The most accurate one that fits.
std::optional<std::size_t> pick(const std::vector<NetworkCandidate>& candidates, const TrainingDemand& demand) {
  return first(candidates, is_better,
               [&](std::size_t i) { return minutes_needed(candidates[i], demand) <= demand.minutes; });
}

[[noreturn]] void refuse(const NetworkCandidate& fastest, const TrainingDemand& demand) {
  throw std::invalid_argument(
      fmt::format("[choose_network] no network trains {} epochs of {} images in {:g} minutes: the fastest, {}, needs "
                  "about {:.1f}; give more minutes or fewer epochs",
                  demand.epochs, demand.train_images, demand.minutes, fastest.name, minutes_needed(fastest, demand)));
}

}  // namespace

void estimate_speeds(std::vector<NetworkCandidate>& candidates) {
  for (NetworkCandidate& each : candidates) {
    if (each.is_measured) continue;
    const NetworkCandidate& known = nearest_measured(candidates, each.gigamacs);
    each.images_per_s = known.images_per_s * known.gigamacs / each.gigamacs;
  }
}

double minutes_needed(const NetworkCandidate& network, const TrainingDemand& demand) {
  const double images =
      static_cast<double>(demand.train_images) + kForwardShare * static_cast<double>(demand.valid_images);
  return static_cast<double>(demand.epochs) * images / network.images_per_s / 60;
}

NetworkChoice choose_network(const std::vector<NetworkCandidate>& candidates, const TrainingDemand& demand) {
  if (candidates.empty()) throw std::invalid_argument("[choose_network] there is no network to choose from");
  const auto fits = [&](std::size_t i) { return minutes_needed(candidates[i], demand) <= demand.minutes; };
  const std::optional<std::size_t> picked = pick(candidates, demand);
  if (!picked) refuse(candidates[*first(candidates, is_faster, [](std::size_t) { return true; })], demand);
  const double top1 = candidates[*picked].top1;
  return {
      .picked = *picked,
      .runner_up = first(candidates, is_better, [&](std::size_t i) { return i != *picked && fits(i); }),
      .too_slow = first(candidates, is_faster, [&](std::size_t i) { return !fits(i) && candidates[i].top1 > top1; })};
}

std::optional<std::size_t> next_to_measure(const std::vector<NetworkCandidate>& candidates,
                                           const TrainingDemand& demand) {
  const std::optional<std::size_t> picked = pick(candidates, demand);
  if (picked && !candidates[*picked].is_measured) return picked;
  return first(candidates, is_faster, [&](std::size_t i) {
    return !candidates[i].is_measured && (!picked || candidates[i].top1 > candidates[*picked].top1) &&
           minutes_needed(candidates[i], demand) <= kDoubt * demand.minutes;
  });
}

}  // namespace margay::train
