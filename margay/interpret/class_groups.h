#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace margay::interpret {

struct ClassGroupOptions {
  /// How often data without any such class has one all the same, 0 … 1.
  double level = 0.05;
  std::uint64_t seed = 42;  ///< of the halves of each class, and of the search for two kinds
};

/// A class whose images are of two kinds.
struct SplitClass {
  std::int64_t label = 0;
  std::vector<std::int64_t> first;   ///< rows of the one kind, those nearest to its centre first
  std::vector<std::int64_t> second;  ///< of the other, which is no larger
  double p_value = 1;                ///< of this class alone
};

/// Classes whose images fall into two kinds with few in between.
///
/// Null hypothesis, for each class: along no line that is chosen without them do its images have two modes. The class
/// is dealt into two halves. One half gives its 8 main directions and, by 2-means, the centres of two kinds; of the
/// other, projected onto the line through these centres, the images are counted in three intervals of equal length, of
/// which the outer ones are around the centres and the middle one between them. Whatever unimodal distribution it is,
/// the middle interval holds at least as much as the lesser of the outer ones; two binomial tests, both of which must
/// refuse, decide (Berger, "Multiparameter hypothesis testing and acceptance sampling", 1982: intersection-union).
/// Then the halves change places; the smaller p-value counts twice, and all of them as often as there are classes
/// (Bonferroni). So of data sets whose classes have one mode each, at most a share of `level` gets a class reported.
/// Classes of fewer than 40 images are left alone, and so are those of which less than a tenth is of the second kind.
///
/// features: floating [N,D]; labels: int64 [N], 0 … K−1, or −1 for images that are to be left out, such as copies and
/// those whose labels are probably wrong. The surest first. Throws std::invalid_argument for shapes that do not fit and
/// non-finite features.
std::vector<SplitClass> find_split_classes(const torch::Tensor& features, const torch::Tensor& labels,
                                           const ClassGroupOptions& options = {});

/// Two classes that predictions cannot tell apart.
struct SameClasses {
  std::int64_t a = 0;  ///< a < b
  std::int64_t b = 0;
  double auc = 0;       ///< how often an image of a is more of a than one of b; ½: not told apart
  double auc_high = 0;  ///< its upper bound, that of all pairs hold together with 1 − level
};

/// Pairs of classes that are one to the predictions, while these tell both from other classes.
///
/// Null hypothesis, for each pair: the area under the ROC curve of log p_a − log p_b over the images of both is .7 or
/// more. It is refused if a one-sided upper bound of the area is below .7, by the variance of DeLong, DeLong and
/// Clarke-Pearson ("Comparing the areas under two or more correlated receiver operating characteristic curves",
/// Biometrics 1988) and the normal quantile of level / pairs (Bonferroni over all K (K − 1) / 2 pairs). So of data sets
/// without such a pair at most a share of about `level` gets one reported. In addition most images of
/// each must be predicted to be of one of the two (half way between 2 / K and all), or the predictions know neither.
/// Pairs with fewer than 20 images in a class are left alone; with two classes in all nothing tells whether classes or
/// predictions are bad, and none is reported.
///
/// labels: int64 [N], 0 … K−1, or −1 to leave images out; probabilities: floating [N,K], of images that the model did
/// not learn from. The least told apart first. Throws std::invalid_argument for shapes that do not fit.
std::vector<SameClasses> find_same_classes(const torch::Tensor& labels, const torch::Tensor& probabilities,
                                           const ClassGroupOptions& options = {});

}  // namespace margay::interpret
