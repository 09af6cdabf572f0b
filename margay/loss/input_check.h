#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <torch/types.h>

#include "margay/loss/cross_entropy.h"

namespace margay::loss {

/// A target that is not a class index, with its position in the batch, so that a caller can name the image.
class TargetError : public std::invalid_argument {
 public:
  TargetError(const std::string& message, std::int64_t target, std::int64_t position, std::int64_t num_classes)
      : std::invalid_argument(message), target_(target), position_(position), num_classes_(num_classes) {}

  std::int64_t target() const { return target_; }
  /// In the flattened targets; of targets [N], the row.
  std::int64_t position() const { return position_; }
  std::int64_t num_classes() const { return num_classes_; }

 private:
  std::int64_t target_;
  std::int64_t position_;
  std::int64_t num_classes_;
};

// Each throws std::invalid_argument that begins with [function] and says what was expected and what came.

/// Logits are floating [N,K] or [N,K,d1,…] with K > 0.
void check_logits(const char* function, const torch::Tensor& logits);

/// Targets are whole-number class indices [N] or [N,d1,…] that fit the logits' shape and lie in [0, K) or are
/// ignore_index. One-hot targets are recognised and named as such. The first position that is wrong is a TargetError.
/// On the CPU this reads N numbers. On another device it waits for the result of one small reduction, so that a wrong
/// index is an exception and not a device-side assertion that ends the context (pytorch#66076).
void check_indices(const char* function, const torch::Tensor& logits, const torch::Tensor& targets,
                   std::int64_t ignore_index);

/// Soft targets have the logits' shape, and each row is a distribution: not negative, sum 1 within 1 %.
void check_distributions(const char* function, const torch::Tensor& logits, const torch::Tensor& targets);

/// What cross_entropy asks of targets, indices or distributions, and of its class weights.
void check_targets(const char* function, const torch::Tensor& logits, const torch::Tensor& targets,
                   const CrossEntropyOptions& options);

/// Weights are none at all, or K finite numbers that are not negative.
void check_class_weights(const char* function, const std::vector<double>& weights, std::int64_t num_classes);

/// Each weight of the option `field` is finite and not negative.
void check_weight_values(const char* function, const char* field, const std::vector<double>& weights);

/// Binary targets have the logits' shape and lie in [0, 1].
void check_binary_targets(const char* function, const torch::Tensor& logits, const torch::Tensor& targets);

/// Whether the logits are on the CPU, have at least four rows, and all rows are distributions that are not all one-hot.
/// Checks the first row, and the others only if the first is a distribution.
bool look_like_probabilities(const torch::Tensor& logits);

/// Throws std::invalid_argument that begins with [function] if the logits look like probabilities.
void check_not_probabilities(const char* function, const torch::Tensor& logits);

}  // namespace margay::loss
