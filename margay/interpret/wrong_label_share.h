#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <torch/types.h>

#include "margay/metric/bootstrap.h"
#include "margay/metric/interval.h"

namespace margay::interpret {

/// The shares of wrong labels, 0 … 1, that a confident joint estimates. NaN for a class that no image is labelled with.
struct WrongLabelShares {
  metric::Estimate all;
  std::vector<metric::Estimate> by_class;  ///< [K], of the images labelled so
};

/// The share of class i is 1 − C_ii / Σ_j C_ij of the confident joint's counts C (Northcutt et al. 2021, equation 3),
/// that of all images the mean of the classes' shares by their numbers of images.
///
/// Intervals: the variance of a share comes from drawing images, or whole groups of them, again (metric::Resamples),
/// with thresholds and joint computed anew; a share p of variance v is worth n = p (1 − p) / v independent cases, at
/// most as many as are confidently of a class, and the interval is Wilson's for those (Korn and Graubard, "Confidence
/// intervals for proportions with small expected number of positive counts estimated from survey data", Survey
/// Methodology 1998, who take Clopper and Pearson's). So it has width also where no label looks wrong.
///
/// What intervals do not know is how good the probabilities are. They hold the share of wrong labels with about the
/// stated confidence where classes are told apart well; images that are truly between two classes count as wrong, and
/// labels that are wrong in the same way as most of their neighbours as right. tests/interpret states the coverage.
///
/// labels: int64 [N], 0 … K−1; probabilities: floating [N,K], of images that the model did not learn from; groups: one
/// number an image, or none. Throws as confident_joint, and as metric::Resamples.
WrongLabelShares wrong_label_shares(const torch::Tensor& labels, const torch::Tensor& probabilities,
                                    std::span<const std::int64_t> groups = {},
                                    const metric::BootstrapOptions& options = {.replicates = 256});

/// The same for any number of labels per image: of class k the share of images on which it stands wrongly or is missing
/// wrongly, `all` the mean over classes. labels: [N,K] of 0 and 1; probabilities: floating [N,K] in 0 … 1.
WrongLabelShares wrong_multi_label_shares(const torch::Tensor& labels, const torch::Tensor& probabilities,
                                          std::span<const std::int64_t> groups = {},
                                          const metric::BootstrapOptions& options = {.replicates = 256});

}  // namespace margay::interpret
