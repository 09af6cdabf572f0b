#include "margay/train/micro_batch/norm_statistics.h"

#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>
#include <torch/utils.h>

namespace margay::train {

template <class Module>
void NormStatistics::add(torch::nn::Module& module) {
  auto* const norm = module.as<Module>();
  if (norm == nullptr || !norm->is_training() || !norm->running_mean.defined()) return;
  norms_.push_back({.options = &norm->options,
                    .momentum = norm->options.momentum(),
                    .statistics = {norm->running_mean, norm->running_var},
                    .at_end = {norm->running_mean.clone(), norm->running_var.clone()},
                    .batches = norm->num_batches_tracked,
                    .batches_at_end = norm->num_batches_tracked.template item<std::int64_t>()});
  norm->options.momentum(1);  // a part's own statistics then replace what was there
}

NormStatistics::NormStatistics(torch::nn::Module& network) {
  for (const auto& module : network.modules(/*include_self=*/false)) {
    add<torch::nn::BatchNorm1dImpl>(*module);
    add<torch::nn::BatchNorm2dImpl>(*module);
  }
}

NormStatistics::~NormStatistics() {
  const torch::NoGradGuard no_grad;
  for (Norm& norm : norms_) {
    norm.options->momentum(norm.momentum);
    for (std::size_t i = 0; i < norm.statistics.size(); ++i) {
      // The graph of the forward pass holds them and need not hear of it (their version stays): it does not read them.
      norm.statistics[i].variable_data().copy_(norm.at_end[i]);
    }
    norm.batches.fill_(norm.batches_at_end);
  }
}

std::int64_t NormStatistics::numel() const {
  std::int64_t numel = 0;
  for (const Norm& norm : norms_) {
    for (const at::Tensor& each : norm.statistics) numel += each.numel();
  }
  return numel;
}

at::Tensor NormStatistics::of_part(std::int64_t images) const {
  const torch::NoGradGuard no_grad;
  const at::Device device = norms_.empty() ? at::Device(at::kCPU) : norms_.front().statistics.front().device();
  at::Tensor part = torch::zeros({numel() + 1}, torch::TensorOptions().device(device));
  if (images == 0) return part;
  std::int64_t begin = 0;
  for (const Norm& norm : norms_) {
    for (const at::Tensor& each : norm.statistics) {
      part.narrow(0, begin, each.numel()).copy_(each);
      begin += each.numel();
    }
  }
  part.narrow(0, begin, 1).fill_(1);
  return part.mul_(static_cast<double>(images));
}

void NormStatistics::set_at_end(const at::Tensor& sum) {
  const torch::NoGradGuard no_grad;
  const auto images = sum.select(0, sum.numel() - 1).item<double>();
  if (images == 0) return;
  std::int64_t begin = 0;
  for (Norm& norm : norms_) {
    ++norm.batches_at_end;
    const double momentum = norm.momentum ? *norm.momentum : 1.0 / static_cast<double>(norm.batches_at_end);
    for (at::Tensor& each : norm.at_end) {
      const at::Tensor mean = sum.narrow(0, begin, each.numel()) / images;
      each.mul_(1 - momentum).add_(mean, momentum);
      begin += each.numel();
    }
  }
}

}  // namespace margay::train
