#pragma once

#include <functional>
#include <memory>
#include <span>

#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>

namespace margay::model {

/// Replaces each number by its sum over the processes whose images a batch norm sees together. The backward pass calls
/// it, too, in the order of the layers, so all processes must send as many batches forward and backward.
using SumOverProcesses = std::function<void(std::span<double> values)>;

/// While it lives, batch norms in train mode that this thread runs take mean and variance over the images of all
/// processes (synchronised batch norm: Peng et al., "MegDet", arXiv:1711.07240), as one process with all images would.
/// Every process needs an image at least.
class SyncedNorms {
 public:
  explicit SyncedNorms(SumOverProcesses sum);
  /// The scope that another thread had (synced_sum); null: none.
  explicit SyncedNorms(std::shared_ptr<const SumOverProcesses> sum);
  SyncedNorms(const SyncedNorms&) = delete;
  SyncedNorms& operator=(const SyncedNorms&) = delete;
  ~SyncedNorms();

 private:
  std::shared_ptr<const SumOverProcesses> before_;
};

/// Whether there is such a scope on this thread.
bool has_synced_norms();
/// What it sums by; null where there is none.
std::shared_ptr<const SumOverProcesses> synced_sum();

/// norm(x) over the images of all processes of the SyncedNorms, which there must be. x: [N,C,…]; norm: in train mode.
/// Gradients of weight and bias are those of this process's images.
torch::Tensor synced_batch_norm(const torch::Tensor& x, torch::nn::BatchNorm2dImpl& norm);
torch::Tensor synced_batch_norm(const torch::Tensor& x, torch::nn::BatchNorm1dImpl& norm);

/// LibTorch's layers, whose forward pass is synchronised where there is a SyncedNorms.
class SyncedNorm1dImpl : public torch::nn::BatchNorm1dImpl {
 public:
  using torch::nn::BatchNorm1dImpl::BatchNorm1dImpl;
  torch::Tensor forward(const torch::Tensor& x);
};
TORCH_MODULE(SyncedNorm1d);

class SyncedNorm2dImpl : public torch::nn::BatchNorm2dImpl {
 public:
  using torch::nn::BatchNorm2dImpl::BatchNorm2dImpl;
  torch::Tensor forward(const torch::Tensor& x);
};
TORCH_MODULE(SyncedNorm2d);

}  // namespace margay::model
