#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/interpret/xray_options.h"

namespace margay::interpret {

/// One class in one row, from activation to gradient.
struct SoftmaxTerm {
  std::string name;
  double activation = 0;    ///< z, finite or -∞
  double sigmoid = 0;       ///< 1 / (1 + exp(-z)): of this class alone, so a row need not sum to 1
  double exp = 0;           ///< exp(z - max z): the largest is 1, none overflows, and their ratios are those of exp(z)
  double probability = 0;   ///< softmax, exp / Σ exp: a row sums to 1
  double negative_log = 0;  ///< -log softmax, 0 … ∞: the loss if this class is the target
  double gradient = 0;      ///< dL/dz = softmax - onehot, -1 … 1; 0 without a target
  double gap_share = 0;     ///< the share of the loss that is the gap to this wrong class; 0 for the target itself
};

/// The wrong class with the largest share of a loss.
struct Gap {
  std::size_t index = 0;    ///< of the class
  double share = 0;         ///< 1 - loss_without / loss, 0 … 1
  double loss_without = 0;  ///< the loss if the class did not exist, log Σ_{i≠j} exp(z_i - z_y)
};

/// The loss of a row whose target is known.
struct SoftmaxTarget {
  std::size_t index = 0;          ///< y, the target class
  double probability = 0;         ///< softmax_y, the target's probability
  double loss = 0;                ///< -log softmax_y, the cross-entropy, 0 … ∞
  double loss_after_step = 0;     ///< of z - step * gradient
  std::optional<Gap> widest_gap;  ///< absent if the loss is 0 or infinite, since shares are then undefined
};

struct SoftmaxRow {
  std::string name;
  std::vector<SoftmaxTerm> classes;
  std::optional<SoftmaxTarget> target;

  /// The class with the largest probability, the first of equal ones.
  std::size_t best_class() const;
  /// Σ of one column over the classes, such as row.sum(&SoftmaxTerm::sigmoid).
  double sum(double SoftmaxTerm::*column) const;
};

/// The cross-entropy of a batch, number by number.
struct SoftmaxXray {
  double step = 1;
  double temperature = 1;  ///< of the options
  std::vector<SoftmaxRow> rows;
  std::optional<XraySummary> summary;  ///< of the rows with a target; absent if there are none
};

/// Analyses a softmax cross-entropy row by row, in float64 and with the functions of margay::loss. The gradient is
/// autograd's, of one row's loss (that of a batch's mean is 1/N of it).
///
/// The effect of a wrong class j on the loss is measured by leaving it out:
///     L           = log Σ_i exp(z_i - z_y)          the cross-entropy
///     L without j = log Σ_{i≠j} exp(z_i - z_y) = L + log(1 - softmax_j)
///     share of j  = 1 - (L without j) / L
/// The shares of several classes need not sum to 1: each is the gain if that one class alone is removed. With two
/// classes the wrong one has the whole loss. A step changes each z_i - z_y by -step * (softmax_i + 1 - softmax_y), so
/// no step along the gradient of a single row, however long, raises the loss.
///
/// logits: floating [N,K], finite or -∞, at least one finite in each row. targets: integers [N] in [0, K), or -1 if the
/// target is not known; an undefined tensor if none is known.
/// Throws std::invalid_argument for shapes, types, values and numbers of names that do not fit.
SoftmaxXray softmax_xray(const torch::Tensor& logits, const torch::Tensor& targets = {},
                         const XrayOptions& options = {});

/// One class in one row, predicted independently of the others.
struct SigmoidTerm {
  std::string name;
  double activation = 0;   ///< z, finite or -∞
  double probability = 0;  ///< sigmoid, 1 / (1 + exp(-z)); the classes of a row need not sum to 1
  double loss_if_yes = 0;  ///< -log p, 0 … ∞: the loss if the class is present
  double loss_if_no = 0;   ///< -log(1 - p), 0 … ∞: the loss if it is not
  bool is_there = false;   ///< the target; false without a target
  double loss = 0;         ///< one of the two, by the target; 0 without a target
  double gradient = 0;     ///< of the row's mean by z: (p - t) / K, -1/K … 1/K; 0 without a target
  double share = 0;        ///< of the row's sum, 0 … 1

  /// The probability predicted for the truth: p if the class is present, 1 - p if it is not.
  double probability_of_truth() const { return is_there ? probability : 1 - probability; }
};

/// The loss of a row whose target is known.
struct SigmoidTarget {
  double loss = 0;             ///< the mean over the classes, 0 … ∞
  double loss_after_step = 0;  ///< of z - step * gradient
  std::size_t heaviest = 0;    ///< the class with the largest loss, the first of equal ones
};

struct SigmoidRow {
  std::string name;
  std::vector<SigmoidTerm> classes;
  std::optional<SigmoidTarget> target;
};

/// The binary cross-entropy of a batch with any number of classes per row, number by number.
struct SigmoidXray {
  double step = 1;
  double temperature = 1;  ///< of the options
  std::vector<SigmoidRow> rows;
  std::optional<XraySummary> summary;  ///< of the rows with a target; absent if there are none
};

/// Analyses a sigmoid's binary cross-entropy row by row, in float64. The gradient is autograd's, of one row's mean:
///     loss of a class = -log σ(z) where it is there, -log(1 - σ(z)) where it is not
///     loss of a row   = the mean over its K classes,  gradient = (σ(z) - t) / K
/// Bishop, "Pattern Recognition and Machine Learning" (2006), §4.3.2; the fast.ai book, chapter 6.
///
/// logits: floating [N,K], finite or -∞. targets: [N,K] of 0 and 1, of any type; an undefined tensor if no target is
/// known. Throws std::invalid_argument for shapes, values and numbers of names that do not fit.
SigmoidXray sigmoid_xray(const torch::Tensor& logits, const torch::Tensor& targets = {},
                         const XrayOptions& options = {});

}  // namespace margay::interpret
