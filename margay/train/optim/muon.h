#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/model/classifier.h"
#include "margay/train/optim/parameter_slot.h"

namespace margay::train {

/// Whether Muon updates the parameter: matrices and convolutions (as matrices with a row for each channel they give)
/// between the first layer and the head. Not biases, norms, tokens and positions; not the head; not the convolution
/// that reads the image; not depthwise ones, whose rows are filters of their own. Those are AdamW's (Jordan et al.,
/// "Muon: An optimizer for hidden layers in neural networks", 2024, kellerjordan.github.io/posts/muon).
bool is_hidden_matrix(const model::NamedParameter& parameter);

/// The matrix next to this one whose rows or columns are all orthogonal and of length 1, roughly: U Vᵀ for U S Vᵀ. Five
/// steps of X <- a X + (b X Xᵀ + c (X Xᵀ)²) X from X / |X|, with the numbers of Jordan et al., which leave singular
/// values between about .7 and 1.2. matrix: float [m,n]; returns the same.
at::Tensor orthogonalised(const at::Tensor& matrix);

/// One step of Muon for each of these hidden matrices: with the gradient g and the average A <- momentum A + g, the
/// update is O = orthogonalised(g + momentum A) · 0.2 √max(m, n), whose elements are then as large as AdamW's, so that
/// its rates and decay fit both (Liu et al., "Muon is Scalable for LLM Training", 2025, arXiv:2502.16982, equation 4);
/// w <- w (1 - lr wd) - lr O. options: resolved. Unlike other rules' results, these depend on the number of threads in
/// their last bits, as BLAS's products do.
void step_matrices(const std::vector<ParameterStep>& steps, const OptimizerOptions& options);

}  // namespace margay::train
