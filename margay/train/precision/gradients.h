#pragma once

#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

namespace margay::train {

/// The gradients that the next step will use: of the module's parameters that are trained and have one, in the order of
/// its parameters. They are the parameters' own, not copies.
std::vector<torch::Tensor> gradients_of(const torch::nn::Module& module);

/// √Σ g² over all gradients together: as if they were one long vector. 0 without gradients; not finite if one of them
/// is not. float32 on the CPU is summed in float64, in an order that no number of threads changes; other gradients in
/// float32 at least. Gradients: any floating types, on one device; waits for it once.
double global_norm(const std::vector<torch::Tensor>& gradients);

/// Scales all gradients, in place, by one factor, so that their global norm is at most `max_norm`; smaller ones are
/// left alone (Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013). Returns the
/// norm from before. As torch.nn.utils.clip_grad_norm_, but where the norm is not finite nothing is changed: no factor
/// would mend them. Throws std::invalid_argument unless max_norm is positive.
double clip_by_norm(const std::vector<torch::Tensor>& gradients, double max_norm);

/// Brings every element of the gradients, in place, into [-limit, limit]; NaN stays. As
/// torch.nn.utils.clip_grad_value_. Throws std::invalid_argument unless limit is positive.
void clip_by_value(const std::vector<torch::Tensor>& gradients, double limit);

}  // namespace margay::train
