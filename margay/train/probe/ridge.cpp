#include "margay/train/probe/ridge.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/metric/folds.h"
#include "margay/train/probe/ridge_fit.h"
#include "margay/train/probe/ridge_groups.h"

namespace margay::train {
namespace {

constexpr std::int64_t kChunkNumbers = 2'000'000;

/// Larger groups than this and than there are features are left out by their sums, not by a block of the hat matrix.
constexpr std::int64_t kLargestBlock = 64;

/// [N] or [N,K], float64.
torch::Tensor checked_weights(const torch::Tensor& weights, std::int64_t images, std::int64_t columns) {
  if (!weights.defined()) return torch::ones({images}, torch::kDouble);
  const bool fits = weights.dim() >= 1 && weights.dim() <= 2 && weights.size(0) == images &&
                    (weights.dim() == 1 || weights.size(1) == columns);
  if (!fits) {
    refuse_ridge(fmt::format("weights must be [N] or [N,K] for {} images and {} targets, got {}", images, columns,
                             c10::str(weights.sizes())));
  }
  const torch::Tensor doubles = weights.to(torch::kDouble).contiguous();
  if (!doubles.isfinite().all().item<bool>() || (doubles < 0).any().item<bool>()) {
    refuse_ridge("weights must be finite and not negative");
  }
  return doubles;
}

/// Something must be left to fit on without any group. weights: [N] or [N,K].
void check_groups(const torch::Tensor& groups, const torch::Tensor& weights) {
  constexpr double kShare = 1e-12;  // less is rounding
  const torch::Tensor columns = weights.dim() == 1 ? weights.unsqueeze(1) : weights;
  const torch::Tensor total = columns.sum(0);
  const std::string of_label =
      weights.dim() == 1 ? "" : fmt::format(" for label {}", total.argmin().item<std::int64_t>());
  if ((total <= 0).any().item<bool>()) refuse_ridge("no image has weight" + of_label);
  const torch::Tensor of_group = torch::zeros({groups.max().item<std::int64_t>() + 1, columns.size(1)}, torch::kDouble)
                                     .index_add_(0, groups, columns);
  const torch::Tensor largest = of_group.amax(0) / total;  // [1] or [K]
  if (largest.max().item<double>() < 1 - kShare) return;
  const std::string label =
      weights.dim() == 1 ? "" : fmt::format(" for label {}", largest.argmax().item<std::int64_t>());
  refuse_ridge("one group has all the weight" + label + ": nothing is left to fit on without it");
}

void check_strength(double strength) {
  if (std::isfinite(strength) && strength > 0) return;
  refuse_ridge(fmt::format("strength must be positive and finite, got {}", strength));
}

void check_fit_is_finite(const torch::Tensor& fitted, double strength) {
  if (fitted.sum().isfinite().item<bool>() || fitted.isfinite().all().item<bool>()) return;
  refuse_ridge(
      fmt::format("the fit of strength {:g} is not finite: features, targets or weights are too large or the "
                  "strength is too small",
                  strength));
}

std::unique_ptr<RidgeFit> fit_of(RidgeData data) {
  return data.used().size(0) <= data.rows.features ? kernel_fit(std::move(data)) : gram_fit(std::move(data));
}

/// bool [N]
torch::Tensor wanted_images(const torch::Tensor& positions, std::int64_t images) {
  if (!positions.defined()) return torch::ones({images}, torch::kBool);
  if (positions.dim() != 1 || positions.scalar_type() != torch::kLong) refuse_ridge("positions must be int64 [R]");
  const bool fits = positions.numel() == 0 ||
                    (positions.min().item<std::int64_t>() >= 0 && positions.max().item<std::int64_t>() < images);
  if (!fits) refuse_ridge(fmt::format("positions must lie in 0 … {}", images - 1));
  return torch::zeros({images}, torch::kBool).index_fill_(0, positions, true);
}

/// The maps of each label as one.
LinearMap joined(const std::vector<LinearMap>& maps) {
  if (maps.size() == 1) return maps.front();
  std::vector<torch::Tensor> weights;
  std::vector<torch::Tensor> biases;
  for (const LinearMap& map : maps) {
    weights.push_back(map.weight);
    biases.push_back(map.bias);
  }
  return {.weight = torch::cat(weights), .bias = torch::cat(biases)};
}

}  // namespace

RidgeRows RidgeRows::of(const torch::Tensor& rows) {
  if (rows.dim() != 2 || !rows.is_floating_point() || !rows.device().is_cpu()) {
    refuse_ridge(fmt::format("features must be floating [N,D] on the CPU, got {} {}", c10::toString(rows.scalar_type()),
                             c10::str(rows.sizes())));
  }
  return {.images = rows.size(0), .features = rows.size(1), .read = [rows](std::span<const std::int64_t> positions) {
            const auto count = static_cast<std::int64_t>(positions.size());
            const bool is_run = count > 0 && std::adjacent_find(positions.begin(), positions.end(), [](auto a, auto b) {
                                               return b != a + 1;
                                             }) == positions.end();
            return is_run ? rows.narrow(0, positions.front(), count) : rows.index_select(0, index_of(positions));
          }};
}

Ridge::Ridge(RidgeRows rows, const torch::Tensor& targets, const RidgeOptions& options)
    : rows_(std::move(rows)), chunk_(options.chunk) {
  const torch::NoGradGuard no_grad;
  const RidgeTargets all(targets, options.num_classes);
  if (rows_.images < 2 || rows_.features < 1) {
    refuse_ridge(fmt::format("two images and one feature are the least, got {} and {}", rows_.images, rows_.features));
  }
  if (all.size() != rows_.images) refuse_ridge(fmt::format("{} targets for {} images", all.size(), rows_.images));
  if (chunk_.value_or(1) < 1) refuse_ridge("chunk must be positive");
  targets_ = all.columns();
  const torch::Tensor weights = checked_weights(options.weights, rows_.images, targets_);
  groups_ = metric::numbered_groups(options.groups, rows_.images);
  check_groups(groups_, weights);
  const std::int64_t chunk = chunk_images(std::max(rows_.features, targets_));
  if (weights.dim() == 1) {
    fits_.push_back(
        fit_of({.rows = rows_, .targets = all, .weights = weights, .chunk = chunk, .group = options.group}));
    return;
  }
  check_label_numbers(options.most_label_numbers);
  for (std::int64_t k = 0; k < targets_; ++k) {
    fits_.push_back(fit_of({.rows = rows_,
                            .targets = all.column(k),
                            .weights = weights.select(1, k).contiguous(),
                            .chunk = chunk,
                            .group = options.group}));
  }
}

Ridge::~Ridge() = default;
Ridge::Ridge(Ridge&&) noexcept = default;
Ridge& Ridge::operator=(Ridge&&) noexcept = default;

std::int64_t Ridge::chunk_images(std::int64_t numbers) const {
  return chunk_.value_or(std::clamp<std::int64_t>(kChunkNumbers / numbers, 64, 16'384));
}

void Ridge::check_label_numbers(std::int64_t most) const {
  const std::int64_t side = std::min(rows_.images, rows_.features);
  if (side <= most / targets_ / side) return;
  refuse_ridge(
      fmt::format("weights that differ by label take {} decompositions of {} numbers, together more than the "
                  "{} `most_label_numbers`; weigh images alike for all labels",
                  targets_, side * side, most));
}

LinearMap Ridge::solve(double strength) const {
  const torch::NoGradGuard no_grad;
  check_strength(strength);
  std::vector<LinearMap> maps;
  for (const auto& fit : fits_) maps.push_back(fit->solve(strength));
  LinearMap map = joined(maps);
  check_fit_is_finite(map.weight, strength);
  check_fit_is_finite(map.bias, strength);
  return map;
}

torch::Tensor Ridge::left_out(double strength) const {
  torch::Tensor outputs = torch::empty({rows_.images, targets_}, torch::kDouble);
  for_each_left_out({&strength, 1},
                    [&](const LeftOutRows& rows) { outputs.index_copy_(0, index_of(rows.positions), rows.outputs); });
  return outputs;
}

void Ridge::for_each_left_out(std::span<const double> strengths, const Visit& visit,
                              const torch::Tensor& positions) const {
  const torch::NoGradGuard no_grad;
  for (const double strength : strengths) check_strength(strength);
  if (strengths.empty()) return;
  const auto outputs = targets_ * (fits_.size() > 1 ? static_cast<std::int64_t>(strengths.size()) : 1);
  const torch::Tensor wanted = wanted_images(positions, rows_.images);
  const std::int64_t largest = std::max(rows_.features, kLargestBlock);
  for (const RidgeGroups& chunk :
       chunks_of(groups_, wanted, chunk_images(std::max(rows_.features, outputs)), largest)) {
    if (chunk.size > largest) {
      visit_large_group(chunk, wanted, strengths, visit);
    } else {
      visit_groups(chunk, wanted, strengths, visit);
    }
  }
}

void Ridge::visit_groups(const RidgeGroups& chunk, const torch::Tensor& wanted, std::span<const double> strengths,
                         const Visit& visit) const {
  const torch::Tensor index = index_of(chunk.positions);
  const torch::Tensor rows = wanted.index_select(0, index).nonzero().squeeze(1);
  const torch::Tensor positions = index.index_select(0, rows);
  const auto hand_on = [&](std::size_t i, const torch::Tensor& outputs) {
    check_fit_is_finite(outputs, strengths[i]);
    const bool is_all = rows.size(0) == index.size(0);
    visit({.positions = positions_of(positions),
           .strength = i,
           .outputs = is_all ? outputs : outputs.index_select(0, rows)});
  };
  if (fits_.size() == 1) return fits_.front()->for_each_left_out(chunk, strengths, hand_on);
  std::vector<torch::Tensor> outputs;
  for (std::size_t i = 0; i < strengths.size(); ++i) {
    outputs.push_back(torch::empty({index.size(0), targets_}, torch::kDouble));
  }
  for (std::size_t k = 0; k < fits_.size(); ++k) {
    fits_[k]->for_each_left_out(chunk, strengths, [&](std::size_t i, const torch::Tensor& column) {
      outputs[i].narrow(1, static_cast<std::int64_t>(k), 1).copy_(column);
    });
  }
  for (std::size_t i = 0; i < strengths.size(); ++i) hand_on(i, outputs[i]);
}

void Ridge::visit_large_group(const RidgeGroups& group, const torch::Tensor& wanted, std::span<const double> strengths,
                              const Visit& visit) const {
  std::vector<std::vector<LinearMap>> by_fit;
  for (const auto& fit : fits_) by_fit.push_back(fit->solve_without(group.positions, strengths));
  std::vector<LinearMap> maps;
  for (std::size_t i = 0; i < strengths.size(); ++i) {
    std::vector<LinearMap> labels;
    for (const auto& fit_maps : by_fit) labels.push_back(fit_maps[i]);
    maps.push_back(joined(labels));
  }
  const torch::Tensor index = index_of(group.positions);
  const torch::Tensor some = index.index_select(0, wanted.index_select(0, index).nonzero().squeeze(1));
  for (const torch::Tensor& piece : some.split(chunk_images(std::max(rows_.features, targets_)))) {
    const torch::Tensor rows = rows_.read(positions_of(piece)).to(torch::kDouble);
    for (std::size_t i = 0; i < strengths.size(); ++i) {
      const torch::Tensor outputs = torch::addmm(maps[i].bias, rows, maps[i].weight.t());
      check_fit_is_finite(outputs, strengths[i]);
      visit({.positions = positions_of(piece), .strength = i, .outputs = outputs});
    }
  }
}

}  // namespace margay::train
