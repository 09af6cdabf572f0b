#pragma once

#include <torch/types.h>

namespace margay::metric {

/// The function that turns logits into probabilities: softmax over the classes, or a sigmoid for each class.
enum class Activation { kSoftmax, kSigmoid };

/// logits: floating [N,K]. Result: the same shape and type; with softmax each row sums to 1.
torch::Tensor probabilities(const torch::Tensor& logits, Activation activation);

/// The loss of each image, in nats: with softmax the cross-entropy -log p of its class (0 for the target -100), with
/// sigmoids the mean binary cross-entropy over the classes. There are no weights and no smoothing, so that networks can
/// be compared whatever loss they were trained with.
/// logits: floating [N,K]; targets: int64 [N], or with sigmoids float [N,K]. Result: floating [N].
/// Throws loss::TargetError for a target that is no class, std::invalid_argument for shapes that do not fit.
torch::Tensor image_losses(const torch::Tensor& logits, const torch::Tensor& targets, Activation activation);

}  // namespace margay::metric
