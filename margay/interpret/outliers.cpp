#include "margay/interpret/outliers.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/predict/unknown_score.h"

namespace margay::interpret {
namespace {

constexpr std::int64_t kFewestImages = 100;

/// Of each image its distance to the k-th nearest other one, and its k nearest.
struct NearestOthers {
  torch::Tensor distance;  ///< double [N]
  torch::Tensor rows;      ///< int64 [N,k]
};

NearestOthers nearest_others(const torch::Tensor& features, std::int64_t k) {
  constexpr std::int64_t kRowsOfBlock = 512;
  const predict::KnownRows known{.rows = predict::unit_rows(features.to(torch::kFloat)), .members = {}, .k = k};
  std::vector<torch::Tensor> distances;
  std::vector<torch::Tensor> rows;
  for (std::int64_t first = 0; first < features.size(0); first += kRowsOfBlock) {
    const std::int64_t count = std::min(kRowsOfBlock, features.size(0) - first);
    const predict::NearestRows nearest = known.nearest(known.rows.narrow(0, first, count), k + 1);
    const torch::Tensor self = torch::arange(first, first + count).unsqueeze(1);
    // The image itself goes last; where k others equal it, it may not be among them at all.
    const torch::Tensor order = nearest.rows.eq(self).to(torch::kInt).argsort(/*stable=*/true, 1, /*descending=*/false);
    rows.push_back(nearest.rows.gather(1, order).narrow(1, 0, k));
    distances.push_back(nearest.distances.gather(1, order).select(1, k - 1).to(torch::kDouble));
  }
  return {.distance = torch::cat(distances), .rows = torch::cat(rows)};
}

/// double [N]: how far each image is, in logarithms of the distances that are usual where it lies.
torch::Tensor relative_distances(const torch::Tensor& features, std::int64_t k) {
  const NearestOthers nearest = nearest_others(features, k);
  const torch::Tensor distance = nearest.distance.clamp_min(1e-6);
  const torch::Tensor usual = distance.clamp_min(distance.median().item<double>()).log();
  return distance.log() - usual.index_select(0, nearest.rows.flatten()).view_as(nearest.rows).mean(1);
}

double sorted_quantile(const torch::Tensor& sorted, double share) {
  return sorted[static_cast<std::int64_t>(share * static_cast<double>(sorted.size(0) - 1))].item<double>();
}

void check_outlier_input(const torch::Tensor& features, const OutlierOptions& options) {
  const bool fits = features.dim() == 2 && features.is_floating_point();
  if (!fits) throw std::invalid_argument("[outliers] features must be floating [N,D]");
  if (!features.isfinite().all().item<bool>()) throw std::invalid_argument("[outliers] features are non-finite");
  if (options.neighbour < 1 || !(options.level > 0 && options.level < 1)) {
    throw std::invalid_argument("[outliers] the neighbour must be 1 or more and the level within 0 and 1");
  }
}

}  // namespace

Outliers find_outliers(const torch::Tensor& features, const OutlierOptions& options) {
  check_outlier_input(features, options);
  const torch::NoGradGuard no_grad;
  const auto images = static_cast<double>(features.size(0));
  if (features.size(0) < kFewestImages || features.size(0) <= options.neighbour + 1) {
    return {.found = {},
            .why_none = fmt::format("{} images are too few to tell which are unlike the others: it takes {}",
                                    features.size(0), std::max(kFewestImages, options.neighbour + 2))};
  }
  const torch::Tensor relative = relative_distances(features, options.neighbour).contiguous();
  const torch::Tensor sorted = std::get<0>(relative.sort());
  const double begin = sorted_quantile(sorted, 0.95);
  const double scale = (begin - sorted_quantile(sorted, 0.75)) / std::log(5.0);
  if (!(scale > 0)) {
    return {.found = {}, .why_none = "all images are equally far from each other, so none is unlike the others"};
  }
  Outliers outliers;
  for (std::int64_t row = 0; row < relative.size(0); ++row) {
    const double value = relative.data_ptr<double>()[row];
    const double p = 0.05 * std::exp(-(value - begin) / scale);
    if (value > begin && p * images <= options.level) {
      outliers.found.push_back({.row = row, .distance = std::exp(value), .p_value = p});
    }
  }
  std::stable_sort(outliers.found.begin(), outliers.found.end(),
                   [](const Outlier& a, const Outlier& b) { return a.p_value < b.p_value; });
  return outliers;
}

}  // namespace margay::interpret
