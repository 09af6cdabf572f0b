#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <torch/types.h>

#include "margay/metric/bootstrap.h"
#include "margay/metric/interval.h"

namespace margay::interpret {

/// The shares of wrong labels, 0 … 1, as estimated. NaN for a class that no image is labelled with.
struct WrongLabelShares {
  metric::Estimate all;
  std::vector<metric::Estimate> by_class;  ///< [K], of the images labelled so
};

/// How many labels are wrong, from probabilities alone. These tell how often images like one bear a label, and nothing
/// in them tells an image between two classes from one with a wrong label: only for images that are surely of a class
/// is the share of other labels that of wrong ones (anchor points: Liu, Tao, "Classification with noisy labels by
/// importance reweighting", TPAMI 2016; Patrini et al., "Making deep neural networks robust to label noise", CVPR 2017,
/// equation 12). So images are taken as the class that is most probable for them, the surest of each class first, and
/// labels are compared with it within the surest part. Images between classes make the share of a larger part too high;
/// a smaller part has fewer images to count.
///
/// - share(q), for the surest q = 1, .7, .5, .35, .25 of each class: labels that are another class, over all labels
///   there; of class i, over the images labelled i there (a class never counts as wholly wrong).
/// - value: share(q) of the largest part whose share is above no smaller part's by more than the standard error of
/// their
///   difference (Lepski, "On a problem of adaptive estimation in Gaussian white noise", 1990).
/// - interval, upper end: Wilson's of that share. Images, or whole groups of them, are drawn again (metric::Resamples),
///   parts and choice made anew; a share p of variance v is worth p (1 − p) / v independent cases, at most as many as
///   the part has (Korn, Graubard, "Confidence intervals for proportions with small expected number of positive counts
///   estimated from survey data", Survey Methodology 1998, who take Clopper and Pearson's). So it has width also where
///   no label looks wrong.
/// - interval, lower end: the lower of Wilson's, and of what is left for a part of no size at all, 2 share(.25) −
///   share(.5), less z standard errors: exact where the surplus is in proportion to q (Richardson's extrapolation). It
///   is a surplus that the value may still have.
///
/// What they hold, in simulations of tests/interpret with exact probabilities: the true share at least as often as
/// stated where each class has images that are surely of it, also where neighbours overlap by a fifth (of two classes
/// whose means are 1.5 and 2.5 standard deviations apart). What they cannot do: a class none of whose images is surely
/// of it, because it lies between two others, looks as if it had wrong labels; and labels that are wrong in the same
/// way as most of their neighbours, or that the model has learnt, look right.
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
