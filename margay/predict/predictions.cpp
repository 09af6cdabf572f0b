#include "margay/predict/predictions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/predict/calibration.h"

namespace margay::predict {
namespace {

torch::Tensor rows_of(const std::vector<Predictions>& parts, torch::Tensor Predictions::*field) {
  std::vector<torch::Tensor> rows;
  for (const Predictions& part : parts) rows.push_back(part.*field);
  return torch::cat(rows);
}

/// What predictions have in all parts or in none.
struct OptionalRows {
  torch::Tensor Predictions::*field;
  const char* name;
};

constexpr std::array kOptionalRows{OptionalRows{&Predictions::targets, "targets"},
                                   OptionalRows{&Predictions::features, "features"},
                                   OptionalRows{&Predictions::p_known, "p_known"}};

bool have(const std::vector<Predictions>& parts, const OptionalRows& rows) {
  const auto has = [&](const Predictions& part) { return (part.*rows.field).defined(); };
  const bool all = std::all_of(parts.begin(), parts.end(), has);
  if (all || std::none_of(parts.begin(), parts.end(), has)) return all;
  throw std::invalid_argument(fmt::format("[joined] some parts have {}, others none", rows.name));
}

/// Validation passes come in the order of their ids; those of shuffled loaders do not.
void sort_by_id(Predictions& predictions) {
  const std::vector<std::size_t> ids = predictions.ids;
  if (std::is_sorted(ids.begin(), ids.end())) return;
  std::vector<std::int64_t> order(ids.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto id = [&](std::int64_t row) { return ids[static_cast<std::size_t>(row)]; };
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return id(a) < id(b); });
  std::transform(order.begin(), order.end(), predictions.ids.begin(), id);
  const torch::Tensor rows = torch::tensor(order);
  predictions.logits = predictions.logits.index_select(0, rows);
  for (const OptionalRows& optional : kOptionalRows) {
    torch::Tensor& values = predictions.*optional.field;
    if (values.defined()) values = values.index_select(0, rows);
  }
}

}  // namespace

void Predictions::set_logits(const torch::Tensor& new_logits, metric::Activation activation, double new_temperature) {
  if (!(new_temperature > 0 && std::isfinite(new_temperature))) {
    throw std::invalid_argument(
        fmt::format("[predictions] a temperature must be above 0 and finite, got {}", new_temperature));
  }
  logits = new_logits;
  temperature = new_temperature;
  const torch::Tensor scaled = Calibration{.temperature = temperature}.scaled(logits);
  probabilities = metric::probabilities(scaled, activation);
  if (targets.defined()) losses = metric::image_losses(scaled, targets, activation);
}

Predictions joined(const std::vector<Predictions>& parts) {
  if (parts.empty()) throw std::invalid_argument("[joined] there are no parts");
  Predictions all;
  all.logits = rows_of(parts, &Predictions::logits);
  all.alpha = parts.front().alpha;
  for (const OptionalRows& optional : kOptionalRows) {
    if (have(parts, optional)) all.*optional.field = rows_of(parts, optional.field);
  }
  for (const Predictions& part : parts) {
    all.ids.insert(all.ids.end(), part.ids.begin(), part.ids.end());
    all.skipped.insert(all.skipped.end(), part.skipped.begin(), part.skipped.end());
  }
  sort_by_id(all);
  return all;
}

}  // namespace margay::predict
