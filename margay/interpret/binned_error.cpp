#include "margay/interpret/binned_error.h"

#include <algorithm>

#include <torch/types.h>

namespace margay::interpret {
namespace {

constexpr std::int64_t kEntriesAtOnce = 8192;

torch::Tensor sums_by_cell(const torch::Tensor& values, const torch::Tensor& cells, std::int64_t count) {
  return torch::zeros({count}, torch::kDouble).index_add_(0, cells.reshape({-1}), values.reshape({-1}));
}

std::vector<double> vector_of(const torch::Tensor& values) {
  const torch::Tensor doubles = values.to(torch::kDouble).contiguous();
  return {doubles.data_ptr<double>(), doubles.data_ptr<double>() + doubles.numel()};
}

}  // namespace

torch::Tensor equal_width_bins(const torch::Tensor& probabilities, std::int64_t bins) {
  return ((probabilities * static_cast<double>(bins)).ceil() - 1)
      .clamp(0, static_cast<double>(bins - 1))
      .to(torch::kLong);
}

torch::Tensor equal_mass_bins(const torch::Tensor& values, std::int64_t bins) {
  const torch::Tensor sorted = std::get<0>(values.sort());
  const torch::Tensor smaller = torch::searchsorted(sorted, values.contiguous());
  return (smaller * bins).div(values.size(0), "floor");
}

BinnedError::BinnedError(std::int64_t bins, std::int64_t classes, std::int64_t replicates, std::int64_t simulations)
    : bins_(bins),
      classes_(classes),
      cells_(bins * classes),
      simulations_(simulations),
      expected_(torch::zeros({cells_}, torch::kDouble)),
      gaps_(torch::zeros({cells_}, torch::kDouble)),
      replicate_gaps_(torch::zeros({cells_, replicates}, torch::kFloat)),
      replicate_cases_(torch::zeros({replicates}, torch::kDouble)),
      simulated_(static_cast<std::size_t>(simulations * cells_)) {}

void BinnedError::add(const torch::Tensor& probabilities, const torch::Tensor& hits, const torch::Tensor& bins,
                      const torch::Tensor& counts) {
  const torch::Tensor gaps = hits - probabilities;
  const torch::Tensor cells = classes_ == 1 ? bins : bins * classes_ + torch::arange(classes_);
  gaps_ += sums_by_cell(gaps, cells, cells_);
  expected_ += sums_by_cell(probabilities, cells, cells_);
  cases_ += static_cast<double>(gaps.numel());
  replicate_cases_ += counts.sum(0, false, torch::kDouble) * static_cast<double>(gaps.size(1));
  add_replicates(gaps.to(torch::kFloat), bins, counts);
}

/// With many classes nearly all probabilities are in the first bin, so that is a matrix product, and of the others only
/// those that are there are added.
void BinnedError::add_replicates(const torch::Tensor& gaps, const torch::Tensor& bins, const torch::Tensor& counts) {
  if (classes_ == 1) {
    const torch::Tensor by_bin = torch::zeros({gaps.size(0), bins_}).scatter_add_(1, bins, gaps);
    replicate_gaps_.addmm_(by_bin.t(), counts);
    return;
  }
  replicate_gaps_.slice(0, 0, classes_).addmm_(gaps.masked_fill(bins > 0, 0).t(), counts);
  const torch::Tensor others = (bins > 0).nonzero();
  for (std::int64_t first = 0; first < others.size(0); first += kEntriesAtOnce) {
    const torch::Tensor entries = others.slice(0, first, first + kEntriesAtOnce);
    const torch::Tensor rows = entries.select(1, 0);
    const torch::Tensor columns = entries.select(1, 1);
    const torch::Tensor cells = bins.index({rows, columns}) * classes_ + columns;
    replicate_gaps_.index_add_(0, cells, counts.index_select(0, rows) * gaps.index({rows, columns}).unsqueeze(1));
  }
}

double BinnedError::error() const { return gaps_.abs().sum().item<double>() / cases_; }

std::vector<double> BinnedError::replicated() const {
  return vector_of(replicate_gaps_.abs().sum(0, false, torch::kDouble) / replicate_cases_);
}

std::vector<double> BinnedError::simulated() const {
  std::vector<double> errors;
  const auto* const expected = expected_.data_ptr<double>();
  for (std::int64_t simulation = 0; simulation < simulations_; ++simulation) {
    double sum = 0;
    for (std::int64_t cell = 0; cell < cells_; ++cell) {
      sum += std::abs(simulated_[static_cast<std::size_t>(simulation * cells_ + cell)] - expected[cell]);
    }
    errors.push_back(sum / cases_);
  }
  return errors;
}

}  // namespace margay::interpret
