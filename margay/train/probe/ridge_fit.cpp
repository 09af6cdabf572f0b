#include "margay/train/probe/ridge_fit.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <torch/types.h>

namespace margay::train {

torch::Tensor index_of(std::span<const std::int64_t> positions) {
  return torch::tensor(torch::ArrayRef(positions.data(), positions.size()), torch::kLong);
}

std::span<const std::int64_t> positions_of(const torch::Tensor& index) {
  return {index.data_ptr<std::int64_t>(), static_cast<std::size_t>(index.numel())};
}

void refuse_ridge(const std::string& problem) { throw std::invalid_argument("[ridge] " + problem); }

RidgeTargets::RidgeTargets(torch::Tensor targets, std::int64_t num_classes) : targets_(std::move(targets)) {
  is_classes_ = targets_.dim() == 1 && targets_.scalar_type() == torch::kLong;
  if (!is_classes_ && (targets_.dim() != 2 || !targets_.is_floating_point())) {
    refuse_ridge(fmt::format("targets must be floating [N,K] or int64 [N], got {} {}",
                             c10::toString(targets_.scalar_type()), c10::str(targets_.sizes())));
  }
  columns_ = is_classes_ ? num_classes : targets_.size(1);
  if (columns_ < 1) refuse_ridge("there must be a class or a target");
  if (targets_.numel() == 0) return;
  if (!is_classes_ && !targets_.isfinite().all().item<bool>()) refuse_ridge("targets must be finite");
  if (is_classes_ && (targets_.min().item<std::int64_t>() < 0 || targets_.max().item<std::int64_t>() >= num_classes)) {
    refuse_ridge(fmt::format("classes must lie in 0 … {}", num_classes - 1));
  }
}

RidgeTargets RidgeTargets::column(std::int64_t k) const {
  return {is_classes_ ? (targets_ == k).to(torch::kDouble).unsqueeze(1) : targets_.narrow(1, k, 1), 1};
}

torch::Tensor RidgeTargets::read(const torch::Tensor& index) const {
  const torch::Tensor some = targets_.index_select(0, index);
  if (!is_classes_) return some.to(torch::kDouble);
  return torch::zeros({some.size(0), columns_}, torch::kDouble).scatter_(1, some.unsqueeze(1), 1);
}

torch::Tensor RidgeData::read(std::span<const std::int64_t> positions) const {
  const torch::Tensor read = rows.read(positions).to(torch::kDouble);
  const bool fits =
      read.dim() == 2 && read.size(0) == static_cast<std::int64_t>(positions.size()) && read.size(1) == rows.features;
  if (!fits)
    refuse_ridge(
        fmt::format("{} rows of {} features came as {}", positions.size(), rows.features, c10::str(read.sizes())));
  if (rows.are_finite || read.sum().isfinite().item<bool>()) return read;
  const torch::Tensor is_finite = read.isfinite().all(1);
  if (is_finite.all().item<bool>()) return read;  // the sum alone is beyond the range
  const auto bad = is_finite.to(torch::kInt).argmin().item<std::int64_t>();
  refuse_ridge(fmt::format("the features of image {} are not finite", positions[static_cast<std::size_t>(bad)]));
}

torch::Tensor RidgeData::used() const { return weights.nonzero().squeeze(1).contiguous(); }

void RidgeData::for_each_chunk(std::span<const std::int64_t> positions, const Use& use) const {
  const auto most = static_cast<std::size_t>(chunk);
  for (std::size_t at = 0; at < positions.size(); at += most) {
    const auto some = positions.subspan(at, std::min(most, positions.size() - at));
    use(read(some), index_of(some));
  }
}

}  // namespace margay::train
