#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace margay::metric {

/// How many classes come before an image's own one: those with a larger logit, and of equal ones those with a smaller
/// index, so that rank 0 is the prediction (of equal logits the first counts). logits: floating [N,K]; targets: int64
/// [N]. One pass over the logits; nothing of their size is allocated. Throws std::invalid_argument for shapes that do
/// not fit and targets that are no class.
std::vector<std::int32_t> target_ranks(const torch::Tensor& logits, const torch::Tensor& targets);

/// The share of images whose class is among the k with the largest logits; 1 for k ≥ K. NaN for N = 0. Throws as
/// target_ranks, and std::invalid_argument for k < 1.
double top_k_accuracy(const torch::Tensor& logits, const torch::Tensor& targets, std::int64_t k);

}  // namespace margay::metric
