#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/options/batchnorm.h>

namespace margay::train {

/// The running statistics of a network's batch norms, where a batch is computed in parts. While it lives, a forward
/// pass leaves its own mean and variance, and not a mixture with those before; at its end the norms have the statistics
/// that they had.
class NormStatistics {
 public:
  /// Of the norms that are in train mode and keep statistics; the network must not change between train and eval mode
  /// meanwhile.
  explicit NormStatistics(torch::nn::Module& network);
  NormStatistics(const NormStatistics&) = delete;
  NormStatistics& operator=(const NormStatistics&) = delete;
  ~NormStatistics();

  /// What the forward pass of a part has left: float32 [S + 1], each statistic times `images`, and the number of images
  /// at last. Zeros where there are none.
  at::Tensor of_part(std::int64_t images) const;
  /// The running statistics after a batch, given the sum of all its parts, whose means, weighted by their images, enter
  /// as those of a batch do. (The mean of the parts' unbiased variances estimates that of all images without bias, as
  /// their order is random.) Without images they stay as they were.
  void set_at_end(const at::Tensor& sum);

 private:
  struct Norm {
    torch::nn::BatchNormOptions* options;
    c10::optional<double> momentum;      ///< as it was
    std::vector<at::Tensor> statistics;  ///< the norm's own mean and variance
    std::vector<at::Tensor> at_end;
    at::Tensor batches;  ///< the norm's own counter
    std::int64_t batches_at_end = 0;
  };

  template <class Module>
  void add(torch::nn::Module& module);
  std::int64_t numel() const;

  std::vector<Norm> norms_;
};

}  // namespace margay::train
