#include "margay/model/weight_storage.h"

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace margay::model {
namespace {

bool is_computed_in_low_precision(const torch::nn::Module& module) {
  return module.as<torch::nn::Conv2dImpl>() != nullptr || module.as<torch::nn::LinearImpl>() != nullptr;
}

}  // namespace

void store_weights_in(torch::nn::Module& module, Precision precision) {
  if (precision != Precision::kBf16 && precision != Precision::kFp16) return;
  const auto type = precision == Precision::kBf16 ? torch::kBFloat16 : torch::kHalf;
  const torch::NoGradGuard no_grad;
  for (const auto& each : module.modules(/*include_self=*/false)) {
    if (!is_computed_in_low_precision(*each)) continue;
    for (torch::Tensor& own : each->parameters(/*recurse=*/false)) {
      own.set_requires_grad(false);
      own.set_data(own.to(type));
    }
  }
}

}  // namespace margay::model
