#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <torch/types.h>

#include "margay/collective/group.h"

namespace margay::train {

class RidgeFit;
struct RidgeGroups;

/// Rows of features, in memory or on disk.
struct RidgeRows {
  std::int64_t images = 0;    ///< N
  std::int64_t features = 0;  ///< D
  /// The rows at these positions, floating [n,D], on the CPU. They are asked for in chunks, in growing order where
  /// groups allow it.
  std::function<torch::Tensor(std::span<const std::int64_t> positions)> read;
  bool are_finite = false;  ///< whether that is known already; else every chunk is looked at

  /// Of a tensor, floating [N,D], on the CPU, which is not copied.
  static RidgeRows of(const torch::Tensor& rows);
};

struct RidgeOptions {
  /// floating [N], not negative: how much each image counts; one of weight 0 is judged, but nothing is fitted to it. Or
  /// [N,K], one for each image and label, which takes a decomposition for each label. Undefined: 1.
  torch::Tensor weights = {};
  /// int64 [N], any values: images of one value are left out together. Undefined: each image alone.
  torch::Tensor groups = {};
  /// K, for targets that are classes.
  std::int64_t num_classes = 0;
  /// The most numbers that the decompositions for [N,K] weights may hold together: K min(N,D)².
  std::int64_t most_label_numbers = 32'000'000;
  /// Images handled at a time. Absent: as many as make 2 million features or outputs, 64 to 16,384.
  std::optional<std::int64_t> chunk = {};
  /// The processes that share the sums of the Gram matrix; all have the same rows and options, and get the same bits as
  /// one process.
  std::shared_ptr<collective::Group> group = collective::one_process();
};

/// outputs = features · weightᵀ + bias
struct LinearMap {
  torch::Tensor weight;  ///< float64 [K,D]
  torch::Tensor bias;    ///< float64 [K]
};

/// Outputs for some images, each from the fit of one strength without the image's group.
struct LeftOutRows {
  std::span<const std::int64_t> positions;  ///< [n] of the images
  std::size_t strength = 0;                 ///< position in the list of strengths
  torch::Tensor outputs;                    ///< float64 [n,K]
};

/// Ridge regression (Hoerl and Kennard, "Ridge regression: biased estimation for nonorthogonal problems", 1970):
/// minimises the sum over images of w |y - B x - b|² plus strength · |B|², for all K targets at once. The intercept b
/// is not penalised. Features count as they are given, so their scale belongs to the strength.
///
/// One eigendecomposition in float64 serves every strength: of the weighted and centred Gram matrix [D,D], or of the
/// kernel matrix [N,N] if that is smaller. Outputs for images that were left out need no further fit. With the hat
/// matrix H of the fit to all images and its residuals r, the residuals of a group G in the fit without it are
/// (I - H_GG)⁻¹ r_G (Cook and Weisberg, "Residuals and influence in regression", 1982, 3.6; for one image r / (1 - h),
/// Allen's PRESS, 1974). That is exact at fixed strength and weights; the fit without the group has means and an
/// intercept of its own.
///
/// Rounding costs a relative 1e-15 times the largest eigenvalue over the strength, as in any fit by these matrices.
/// Where 1 - h tends to 0 (an image alone in its direction and a strength near 0) it is bounded by what it can be at
/// least, so outputs stay finite; in the kernel form, where every image may be alone, it is never formed: the strength
/// cancels. Outputs that are not finite all the same are an error.
///
/// Time: N D² + D³ once (kernel form: N² D + N³), then N D K a strength for outputs and N D² once a call for all
/// strengths; groups of m add N D m (m < D) a strength, larger ones D³ each. Memory: D² (N²), D K, and a few chunks.
/// Results are the same for the same chunks and threads, whatever the number of processes.
class Ridge {
 public:
  /// targets: floating [N,K], or int64 [N]: classes from 0 to options.num_classes - 1, which stand for ones and zeros.
  /// Throws std::invalid_argument for shapes that do not fit, less than two images, a feature or a target, targets or
  /// features that are not finite (naming the image), weights that are negative or not finite or all 0, [N,K] weights
  /// beyond options.most_label_numbers, and where one group has all the weight, so that nothing is left without it.
  Ridge(RidgeRows rows, const torch::Tensor& targets, const RidgeOptions& options = {});
  ~Ridge();
  Ridge(Ridge&&) noexcept;
  Ridge& operator=(Ridge&&) noexcept;

  /// strength: positive and finite; else std::invalid_argument, as below.
  LinearMap solve(double strength) const;

  /// float64 [N,K]: the output for each image from the fit without its group.
  torch::Tensor left_out(double strength) const;

  using Visit = std::function<void(const LeftOutRows& rows)>;
  /// The same at several strengths, some images at a time: all strengths of these in their order, then the next images.
  /// Images come by the size of their groups; a group larger than a chunk comes in parts. positions: int64 [R], the
  /// images that are wanted, without repetition; undefined: all. The work is that of the groups they belong to.
  void for_each_left_out(std::span<const double> strengths, const Visit& visit,
                         const torch::Tensor& positions = {}) const;

 private:
  std::int64_t chunk_images(std::int64_t numbers) const;
  void check_label_numbers(std::int64_t most) const;
  void visit_groups(const RidgeGroups& chunk, const torch::Tensor& wanted, std::span<const double> strengths,
                    const Visit& visit) const;
  void visit_large_group(const RidgeGroups& group, const torch::Tensor& wanted, std::span<const double> strengths,
                         const Visit& visit) const;

  RidgeRows rows_;
  std::optional<std::int64_t> chunk_;
  std::int64_t targets_ = 0;                     // K
  torch::Tensor groups_;                         // int64 [N], from 0 on
  std::vector<std::unique_ptr<RidgeFit>> fits_;  // one, or one a label
};

}  // namespace margay::train
