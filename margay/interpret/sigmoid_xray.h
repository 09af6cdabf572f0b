#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/interpret/xray_options.h"
#include "margay/interpret/xray_summary.h"

namespace margay::interpret {

/// One class in one row, decided yes or no by itself.
struct SigmoidTerm {
  std::string name;
  double activation = 0;   ///< z, finite or -∞
  double probability = 0;  ///< sigmoid, 1 / (1 + exp(-z)); the classes of a row need not sum to 1
  double loss_if_yes = 0;  ///< -log p, 0 … ∞: what the class costs where it is there
  double loss_if_no = 0;   ///< -log(1 - p), 0 … ∞: what it costs where it is not
  bool is_there = false;   ///< the target; false without a target
  double loss = 0;         ///< the one of the two that counts; 0 without a target
  double gradient = 0;     ///< of the row's mean by z: (p - t) / K, -1/K … 1/K; 0 without a target
  double share = 0;        ///< of the row's sum, 0 … 1

  /// The probability that the class was given for what is true: p where it is there, 1 - p where it is not.
  double probability_of_truth() const { return is_there ? probability : 1 - probability; }
};

/// What is known of a row once its target is.
struct SigmoidTarget {
  double loss = 0;             ///< the mean over the classes, 0 … ∞
  double loss_after_step = 0;  ///< of z - step * gradient
  std::size_t heaviest = 0;    ///< the class that costs most, the first of equals
};

struct SigmoidRow {
  std::string name;
  std::vector<SigmoidTerm> classes;
  std::optional<SigmoidTarget> target;
};

/// The binary cross-entropy of a batch in which any number of classes may be there at once, number by number.
struct SigmoidXray {
  double step = 1;
  std::vector<SigmoidRow> rows;
  std::optional<XraySummary> summary;  ///< of the rows with a target; absent where there is none
};

/// Takes a sigmoid's binary cross-entropy apart, row by row, in float64; the gradient is autograd's, of one row's mean:
///     loss of a class = -log σ(z) where it is there, -log(1 - σ(z)) where it is not
///     loss of a row   = the mean over its K classes,  gradient = (σ(z) - t) / K
/// Bishop, "Pattern Recognition and Machine Learning" (2006), §4.3.2; the fast.ai book, chapter 6.
///
/// logits: floating [N,K], finite or -∞. targets: [N,K] of 0 and 1, of any type; an undefined tensor where no target is
/// known. Throws std::invalid_argument for shapes, values and numbers of names that do not fit.
SigmoidXray sigmoid_xray(const torch::Tensor& logits, const torch::Tensor& targets = {},
                         const XrayOptions& options = {});

}  // namespace margay::interpret
