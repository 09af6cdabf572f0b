#include "margay/predict/nearest_images.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/utils.h>

#include "margay/core/text.h"

namespace margay::predict {
namespace {

/// Rows of length 1; those of zeros stay.
torch::Tensor directions_of(const torch::Tensor& features) {
  const torch::Tensor rows = features.to(torch::kCPU, torch::kFloat);
  return (rows / rows.norm(2, {1}, true).clamp_min(1e-30)).contiguous();
}

void check_features(const torch::Tensor& features) {
  if (!features.defined() || !features.is_floating_point() || features.dim() != 2) {
    throw std::invalid_argument("[NearestImages] features must be floating [N,D]");
  }
  if (!features.isfinite().all().item<bool>()) {
    throw std::invalid_argument("[NearestImages] features must be finite");
  }
}

}  // namespace

NearestImages::NearestImages(const torch::Tensor& features) {
  const torch::NoGradGuard no_grad;
  check_features(features);
  directions_ = directions_of(features);
}

std::vector<NearImage> NearestImages::nearest(const torch::Tensor& image, std::size_t count) const {
  const torch::NoGradGuard no_grad;
  if (size() == 0) return {};
  const torch::Tensor row = image.dim() == 1 ? image.unsqueeze(0) : image;
  check_features(row);
  if (row.size(0) != 1 || row.size(1) != directions_.size(1)) {
    throw std::invalid_argument(fmt::format("[NearestImages] the image must have {} features, got [{}]",
                                            directions_.size(1), core::joined(image.sizes(), ",")));
  }
  const torch::Tensor similarity = torch::mv(directions_, directions_of(row)[0]).contiguous();
  const float* values = similarity.data_ptr<float>();
  std::vector<NearImage> near;
  near.reserve(static_cast<std::size_t>(size()));
  for (std::int64_t i = 0; i < size(); ++i) near.push_back({i, std::clamp<double>(values[i], -1, 1)});
  const auto end = near.begin() + std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(count), std::ssize(near));
  std::partial_sort(near.begin(), end, near.end(), [](const NearImage& a, const NearImage& b) {
    return a.similarity > b.similarity || (a.similarity == b.similarity && a.row < b.row);
  });
  near.erase(end, near.end());
  return near;
}

}  // namespace margay::predict
