#include "margay/train/probe/probe_fit.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include <torch/types.h>

#include "margay/core/random.h"

namespace margay::train {
namespace {

constexpr std::int64_t kChoosingOutputs = 1'000'000;
constexpr std::int64_t kLeastChoosing = 2'000;
constexpr std::int64_t kOutputChunk = 16'384;  // rows

/// The positions of a chunk, valid as long as it is.
torch::Tensor positions_tensor(std::span<const std::int64_t> positions) {
  return torch::from_blob(const_cast<std::int64_t*>(positions.data()), {static_cast<std::int64_t>(positions.size())},
                          torch::kLong);
}

/// Where each of `size` rows stands among `positions`, -1 elsewhere. int64 [size].
torch::Tensor places_of(const torch::Tensor& positions, std::int64_t size) {
  return torch::full({size}, -1, torch::kLong).index_put_({positions}, torch::arange(positions.size(0)));
}

ChoiceRows choice_rows(const ProbeRows& rows, const torch::Tensor& positions, const torch::Tensor& folds,
                       std::int64_t num_folds) {
  return {.targets = rows.targets.index_select(0, positions),
          .weights = rows.weights.index_select(0, positions),
          .groups = rows.groups.index_select(0, positions),
          .folds = folds.defined() ? folds.index_select(0, positions) : folds,
          .num_folds = num_folds,
          .task = rows.task,
          .for_each_output = {}};
}

/// Features that probe_rows has looked at.
RidgeRows checked_rows(const torch::Tensor& features) {
  RidgeRows rows = RidgeRows::of(features);
  rows.are_finite = true;
  return rows;
}

}  // namespace

ProbeFit::ProbeFit(ProbeRows rows, double feature_norm, std::shared_ptr<collective::Group> group)
    : rows_(std::move(rows)),
      feature_norm_(feature_norm),
      ridge_(checked_rows(rows_.features), rows_.targets,
             {.weights = rows_.weights,
              .groups = rows_.groups,
              .num_classes = rows_.num_classes,
              .group = std::move(group)}) {}

void ProbeFit::for_each_left_out(const std::vector<double>& strengths, const torch::Tensor& positions,
                                 const OutputVisit& visit) const {
  const torch::Tensor places = places_of(positions, rows_.size());
  std::vector<torch::Tensor> outputs;
  std::vector<double> scaled;
  for (const double strength : strengths) {
    outputs.push_back(torch::empty({positions.size(0), rows_.num_classes}));
    scaled.push_back(ridge_strength(strength));
  }
  const auto keep = [&](const LeftOutRows& chunk) {
    outputs[chunk.strength].index_copy_(0, places.index_select(0, positions_tensor(chunk.positions)),
                                        chunk.outputs.to(torch::kFloat));
  };
  ridge_.for_each_left_out(scaled, keep, positions);
  for (std::size_t i = 0; i < outputs.size(); ++i) visit(i, outputs[i]);
}

torch::Tensor ProbeFit::left_out_logits(const torch::Tensor& folds, const std::vector<ChosenStrength>& choices) const {
  std::set<double> strengths;
  for (const ChosenStrength& choice : choices) strengths.insert(ridge_strength(choice.strength));
  const std::vector<double> scaled(strengths.begin(), strengths.end());
  torch::Tensor logits = torch::empty({rows_.size(), rows_.num_classes});
  ridge_.for_each_left_out(scaled, [&](const LeftOutRows& chunk) {
    const torch::Tensor rows = positions_tensor(chunk.positions);
    const torch::Tensor fold = folds.index_select(0, rows);
    for (std::size_t c = 0; c < choices.size(); ++c) {
      if (ridge_strength(choices[c].strength) != scaled[chunk.strength]) continue;
      const torch::Tensor own = (fold == static_cast<std::int64_t>(c)).nonzero().squeeze(1);
      logits.index_copy_(0, rows.index_select(0, own), choices[c].scale.logits(chunk.outputs.index_select(0, own)));
    }
  });
  return logits;
}

ChoiceRows ProbeFit::left_out_choice(const torch::Tensor& positions, const torch::Tensor& folds,
                                     std::int64_t num_folds) const {
  ChoiceRows choice = choice_rows(rows_, positions, folds, num_folds);
  choice.for_each_output = [this, positions](const std::vector<double>& strengths, const OutputVisit& visit) {
    for_each_left_out(strengths, positions, visit);
  };
  return choice;
}

ChoiceRows ProbeFit::choice_of(const ProbeRows& valid, const torch::Tensor& positions, const torch::Tensor& folds,
                               std::int64_t num_folds) const {
  ChoiceRows choice = choice_rows(valid, positions, folds, num_folds);
  choice.for_each_output = [this, &valid, positions](const std::vector<double>& strengths, const OutputVisit& visit) {
    for (std::size_t i = 0; i < strengths.size(); ++i) {
      visit(i, outputs_of(solve(strengths[i]), valid.features, positions));
    }
  };
  return choice;
}

torch::Tensor outputs_of(const LinearMap& map, const torch::Tensor& features, const torch::Tensor& positions) {
  const torch::Tensor weight = map.weight.to(torch::kFloat).t();
  const torch::Tensor bias = map.bias.to(torch::kFloat);
  const std::int64_t size = positions.defined() ? positions.size(0) : features.size(0);
  torch::Tensor outputs = torch::empty({size, bias.size(0)});
  for (std::int64_t row = 0; row < size; row += kOutputChunk) {
    const std::int64_t count = std::min(kOutputChunk, size - row);
    const torch::Tensor chunk = positions.defined() ? features.index_select(0, positions.narrow(0, row, count))
                                                    : features.narrow(0, row, count);
    outputs.narrow(0, row, count).copy_(torch::addmm(bias, chunk, weight));
  }
  return outputs;
}

torch::Tensor choosing_positions(const torch::Tensor& folds, std::int64_t num_folds, std::int64_t num_classes,
                                 std::uint64_t seed) {
  const std::int64_t size = folds.size(0);
  const std::int64_t most = std::max(kLeastChoosing, kChoosingOutputs / num_classes);
  if (size <= most) return torch::arange(size);
  std::vector<std::int64_t> left(static_cast<std::size_t>(num_folds), most / num_folds);
  const auto* const fold = folds.data_ptr<std::int64_t>();
  std::vector<std::int64_t> positions;
  for (const std::size_t row : core::permutation(static_cast<std::size_t>(size), core::Random({seed, 1}))) {
    if (left[static_cast<std::size_t>(fold[row])]-- > 0) positions.push_back(static_cast<std::int64_t>(row));
  }
  return std::get<0>(torch::tensor(positions).sort());
}

}  // namespace margay::train
