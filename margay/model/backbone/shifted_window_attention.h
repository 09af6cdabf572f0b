#pragma once

#include <cstdint>

#include <torch/nn/modules/linear.h>

namespace margay::model {

/// Every pixel looks at those of its window (Liu et al., "Swin Transformer", arXiv:2103.14030, section 3.2), to whose
/// logits a learnt bias for their distance is added. Windows are 7 pixels high and wide; a shifted one begins in the
/// middle of a plain one. Where windows go over the border, zeros are added. [N,H,W,C] -> [N,H,W,C].
/// Names are torchvision's: qkv, proj, relative_position_bias_table, relative_position_index.
class ShiftedWindowAttention : public torch::nn::Module {
 public:
  enum class Windows { kPlain, kShifted };
  static constexpr std::int64_t kWindow = 7;

  ShiftedWindowAttention(std::int64_t channels, std::int64_t heads, Windows windows);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  /// x: [N,H,W,C], H and W multiples of the window. Without shift. Returns the same shape.
  torch::Tensor attend(const torch::Tensor& x, const torch::Tensor& bias);
  /// [heads,T,T], T the pixels of a window.
  torch::Tensor position_bias() const;

  std::int64_t heads_;
  Windows windows_;
  torch::nn::Linear qkv_, proj_;
  torch::Tensor bias_table_;      ///< [13*13,heads]: for every distance, vertical and horizontal
  torch::Tensor position_index_;  ///< whole numbers [T*T]: the row of the table for two pixels of a window
};

/// Adds so many rows and columns of zeros. x: [N,H,W,C].
torch::Tensor with_border(const torch::Tensor& x, std::int64_t bottom, std::int64_t right);

}  // namespace margay::model
