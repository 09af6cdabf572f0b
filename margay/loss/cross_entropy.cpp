#include "margay/loss/cross_entropy.h"

#include <torch/types.h>

#include "margay/loss/cross_entropy_formula.h"
#include "margay/loss/shape_check.h"

namespace margay::loss {
namespace {

void check(const char* function, const torch::Tensor& logits, const torch::Tensor& targets,
           const CrossEntropyOptions& options) {
  core::validate(options);
  check_logits(function, logits);
  check_class_weights(function, options.class_weights, logits.size(1));
  if (are_soft(targets)) {
    check_distributions(function, logits, targets);
  } else {
    check_indices(function, logits, targets, options.ignore_index);
  }
  if (options.logits_check == LogitsCheck::kRefuseProbabilities) check_not_probabilities(function, logits);
}

}  // namespace

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                            const CrossEntropyOptions& options) {
  check("cross_entropy", logits, targets, options);
  return cross_entropy_formula(logits, targets, options);
}

}  // namespace margay::loss
