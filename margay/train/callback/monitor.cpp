#include "margay/train/callback/monitor.h"

#include <cmath>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "margay/core/error.h"
#include "margay/core/nearest.h"
#include "margay/train/learner.h"

namespace margay::train {
namespace {

constexpr const char* kTrainLoss = "train_loss";
constexpr const char* kValidLoss = "valid_loss";

/// A number of the history and which of its values are better.
struct Watched {
  double value = 0;
  metric::Direction direction = metric::Direction::kLowerIsBetter;
};

/// Nothing for an unknown name. The first metric of a name counts.
std::optional<Watched> find(const std::string& name, const EpochRecord& record, const metric::Metrics& metrics) {
  if (name == kTrainLoss) return Watched{record.train_loss};
  if (name == kValidLoss) return Watched{record.valid_loss};
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (metrics[i]->name() == name) return Watched{record.metrics.at(i), metrics[i]->direction()};
  }
  return std::nullopt;
}

[[noreturn]] void refuse_monitor(const std::string& name, const metric::Metrics& metrics) {
  std::vector<std::string> known = {kTrainLoss, kValidLoss};
  for (const auto& metric : metrics) known.push_back(metric->name());
  throw std::invalid_argument(
      fmt::format("[monitor] '{}' is none of {}{}", name, fmt::join(known, ", "), core::did_you_mean(name, known)));
}

}  // namespace

Monitor::Monitor(const MonitorOptions& options) : options_(options) { core::validate(options_); }

void Monitor::check(const Learner& learner) const {
  const EpochRecord any{.metrics = std::vector<double>(learner.metrics().size())};
  if (!find(name(), any, learner.metrics())) refuse_monitor(name(), learner.metrics());
  if (name() == kTrainLoss || learner.loaders().valid) return;
  throw std::invalid_argument(
      fmt::format("[monitor] there are no validation images, so no {}; watch {}", name(), kTrainLoss));
}

bool Monitor::improves(const EpochRecord& record, const metric::Metrics& metrics) {
  const std::optional<Watched> watched = find(name(), record, metrics);
  if (!watched) refuse_monitor(name(), metrics);
  if (!std::isfinite(watched->value)) return false;
  const bool is_lower_better = watched->direction == metric::Direction::kLowerIsBetter;
  const double gain = best_ ? (is_lower_better ? *best_ - watched->value : watched->value - *best_) : 0;
  if (best_ && !(gain > options_.min_delta)) return false;
  best_ = watched->value;
  return true;
}

nlohmann::ordered_json Monitor::state() const {
  return {{"monitor", name()}, {"best", best_ ? nlohmann::ordered_json(*best_) : nlohmann::ordered_json(nullptr)}};
}

void Monitor::load_state(const nlohmann::ordered_json& state, const std::filesystem::path& source) {
  const auto watched = state.find("monitor");  // none in what is no object
  const auto best = state.find("best");
  if (watched == state.end() || *watched != name() || best == state.end() || !(best->is_null() || best->is_number())) {
    throw core::FormatError(source, fmt::format("its state of a callback is not of one that watches {}", name()));
  }
  best_ = best->is_null() ? std::nullopt : std::optional(best->get<double>());
}

const core::OptionTable& MonitorOptions::fields() {
  static const core::OptionTable table(
      "monitor",
      {core::field<&MonitorOptions::monitor>(
           "monitor", "what decides which epoch is better: train_loss, valid_loss or a metric's name"),
       core::field<&MonitorOptions::min_delta>(
           "min_delta", "an improvement must be larger than this, in the unit of what is watched", {0, 1e9})});
  return table;
}

}  // namespace margay::train
