#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace margay::interpret {

/// Which images are confidently of which class, by confident learning (Northcutt, Jiang, Chuang, "Confident learning:
/// estimating uncertainty in dataset labels", JAIR 2021, arXiv:1911.00068). An image is confidently of each class whose
/// probability reaches the class's threshold, the mean probability of the class over the images labelled with it
/// (equation 2); of several, the most probable one counts (equation 1 and its footnote on collisions). Probabilities
/// must come from a model that was not trained on the image.
struct ConfidentJoint {
  torch::Tensor thresholds;  ///< float64 [K]; NaN for a class that no image is labelled with
  /// int64 [K,K]: images labelled i (row) and confidently of class j (column). The diagonal is 1 at least, so that a
  /// class never counts as wholly wrong.
  torch::Tensor counts;
  /// int64 [K,K]: `counts` with each row scaled to the number of images labelled so (equation 3), rounded with the sums
  /// kept: as many entries of a row as are needed, those furthest from their rounded values first, go to the other
  /// neighbour; of equals the last is raised first and the first lowered first.
  torch::Tensor calibrated;
  std::vector<std::int64_t> off_diagonal;  ///< images confidently of another class than their label, ascending

  std::int64_t classes() const { return counts.size(0); }
};

/// Two probabilities that differ by no more than this count as equal, as in the authors' program.
constexpr double kLabelTolerance = 1e-6;

/// labels: int64 [N], 0 … K−1; probabilities: floating [N,K], of images that the model did not learn from.
/// Throws std::invalid_argument for other shapes, N = 0, K < 2, labels that are no class, and non-finite or negative
/// probabilities, naming the first such image.
ConfidentJoint confident_joint(const torch::Tensor& labels, const torch::Tensor& probabilities);

/// How labels go wrong, as estimated from a confident joint.
struct LabelNoise {
  torch::Tensor prior;          ///< float64 [K]: P(true class)
  torch::Tensor noise;          ///< float64 [K,K]: P(label i | true class j); columns sum to 1
  torch::Tensor inverse_noise;  ///< float64 [K,K]: P(true class i | label j); columns sum to 1
};

/// A class that nothing is confidently of has a column of zeros.
LabelNoise label_noise(const ConfidentJoint& joint);

namespace detail {

/// The rows of a matrix rounded as ConfidentJoint::calibrated says. matrix: float64 [K,K]. Result: int64 [K,K].
torch::Tensor rounded_with_row_sums(const torch::Tensor& matrix);

/// int64 [N] and float64 [N,K], contiguous on the CPU. Throws as confident_joint, in the name of `where`.
struct CheckedLabels {
  torch::Tensor labels;
  torch::Tensor probabilities;
  torch::Tensor predictions;  ///< int64 [N]: the most probable class; of equals the first
};
CheckedLabels checked_labels(const torch::Tensor& labels, const torch::Tensor& probabilities, const char* where);

}  // namespace detail

}  // namespace margay::interpret
