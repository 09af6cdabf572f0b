#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace margay::predict {

/// An image that looks similar to the network.
struct NearImage {
  std::int64_t row = 0;   ///< of the features that were given
  double similarity = 0;  ///< cosine of the angle between the features, -1 … 1
};

/// Finds the images whose features point in the direction most like an image's: what a network that pools features
/// before its linear head takes for alike (as the nearest training points of Papernot and McDaniel, "Deep k-nearest
/// neighbors", arXiv:1803.04765, which explain a prediction by examples). Keeps the features, float [N,D].
class NearestImages {
 public:
  NearestImages() = default;
  /// features: floating [N,D], finite. Rows of zeros are near nothing: their similarity is 0. Throws
  /// std::invalid_argument for another shape and for rows that are not finite.
  explicit NearestImages(const torch::Tensor& features);

  std::int64_t size() const { return directions_.defined() ? directions_.size(0) : 0; }

  /// The `count` nearest, the most similar first, equal ones by their rows; fewer where there are fewer. image:
  /// floating [D] or [1,D], finite. Throws std::invalid_argument for another number of features.
  std::vector<NearImage> nearest(const torch::Tensor& image, std::size_t count) const;

 private:
  torch::Tensor directions_;  ///< float [N,D], rows of length 1
};

}  // namespace margay::predict
