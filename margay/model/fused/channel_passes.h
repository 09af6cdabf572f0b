#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include <ATen/Parallel.h>
#include <hwy/base.h>
#include <torch/types.h>

#include "margay/model/fused/channel_kernel.h"

namespace margay::model::fused {

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

/// Whether the kernels of this folder support it: float32 or bfloat16 [N,C,H,W] on the CPU, channels-last, not empty.
inline bool is_fusable(const torch::Tensor& x) {
  return x.device().is_cpu() && x.layout() == torch::kStrided && x.dim() == 4 && x.numel() > 0 &&
         (x.scalar_type() == torch::kFloat || x.scalar_type() == torch::kBFloat16) && x.is_contiguous(kChannelsLast);
}

/// Whether its memory may be written to: nobody would see it.
inline bool is_ours_alone(const torch::Tensor& x) {
  return x.use_count() == 1 && x.storage().use_count() == 1 && !x.requires_grad();
}

template <class T>
using TorchType = std::conditional_t<std::is_same_v<T, hwy::bfloat16_t>, c10::BFloat16, float>;

/// The elements as the kernels know them; null for an undefined tensor.
template <class T>
T* elements(const torch::Tensor& tensor) {
  return tensor.defined() ? reinterpret_cast<T*>(tensor.data_ptr<TorchType<T>>()) : nullptr;
}

/// Calls work(T()) with the kernels' type for the elements of a fusable tensor.
template <class Work>
auto with_type_of(const torch::Tensor& x, const Work& work) {
  return x.scalar_type() == torch::kBFloat16 ? work(hwy::bfloat16_t()) : work(float());
}

/// How a pass runs over the elements of a channels-last tensor [N,C,H,W]: in rows of one or more pixels, so that a row
/// is long enough and its length a multiple of kRowMultiple; rows form parts, which threads share. The parts depend on
/// the shape alone, so sums do not depend on the number of threads.
class ChannelRows {
 public:
  explicit ChannelRows(const torch::Tensor& x);

  std::size_t channels() const { return channels_; }
  std::size_t pixels() const { return elements_ / channels_; }
  /// Elements of a row, a multiple of channels(); the last row may be shorter.
  std::size_t period() const { return period_; }
  std::size_t parts() const { return parts_; }

  /// One number a channel, [C], spread over a row, [period].
  std::vector<float> spread(std::span<const float> channels) const;

  /// Calls work(part, first element, elements) for every part, in LibTorch's threads.
  template <class Work>
  void for_each_part(const Work& work) const {
    at::parallel_for(0, static_cast<std::int64_t>(parts_), 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto part = static_cast<std::size_t>(begin); part < static_cast<std::size_t>(end); ++part) {
        const std::size_t first = part * part_elements_;
        work(part, first, std::min(part_elements_, elements_ - first));
      }
    });
  }

 private:
  std::size_t channels_;
  std::size_t elements_;
  std::size_t period_;
  std::size_t part_elements_;
  std::size_t parts_;
};

/// The passes that a batch norm makes over its tensors: float32 or bfloat16 [N,C,H,W] on the CPU, channels-last, all of
/// one type and shape; numbers of channels are [C].

/// Two numbers a channel.
struct ChannelPair {
  std::vector<double> first;
  std::vector<double> second;
};

/// Mean and biased variance of every channel. One read.
ChannelPair mean_and_variance(const torch::Tensor& x);

/// The scaling of a batch norm, per channel: x · scale + shift.
struct Scaling {
  std::span<const float> scale;
  std::span<const float> shift;
};

/// y = f(x · scale + shift + residual), where f keeps everything or what is positive. residual may be undefined, y may
/// be x. One read of each, one write.
void normalise(const torch::Tensor& x, const torch::Tensor& residual, const Scaling& scaling, Kept kept,
               const torch::Tensor& y);

/// Σ g and Σ g (x - mean), g being the gradient of what is kept of x · scale + shift. One read of each.
ChannelPair gradient_sums(const torch::Tensor& gradient, const torch::Tensor& x, const Scaling& scaling, Kept kept,
                          std::span<const float> mean);

/// The same for g kept where y > 0, written to `masked`.
ChannelPair masked_gradient_sums(const torch::Tensor& gradient, const torch::Tensor& x, const torch::Tensor& y,
                                 std::span<const float> mean, const torch::Tensor& masked);

/// scale · g + slope · (x - mean) + shift
struct GradientScaling {
  std::vector<float> scale;
  std::vector<float> slope;
  std::vector<float> shift;
};

/// The gradient of x, for g as in gradient_sums. One read of each, one write.
void write_gradient(const torch::Tensor& gradient, const torch::Tensor& x, const Scaling& scaling, Kept kept,
                    const GradientScaling& gradient_scaling, std::span<const float> mean, const torch::Tensor& out);

}  // namespace margay::model::fused
