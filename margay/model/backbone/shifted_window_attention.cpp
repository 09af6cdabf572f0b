#include "margay/model/backbone/shifted_window_attention.h"

#include <torch/nn/init.h>
#include <torch/types.h>

#include "margay/model/torch_compat.h"

namespace margay::model {
namespace {

constexpr std::int64_t kSide = ShiftedWindowAttention::kWindow;
constexpr std::int64_t kPixels = kSide * kSide;     // T
constexpr std::int64_t kDistances = 2 * kSide - 1;  // -6 … 6
constexpr double kBiasSpread = 0.02;                // torchvision cuts at 2, so nothing is ever cut
constexpr double kUnseen = -100;                    // added to a logit: e^-100 of its weight is left

/// Whole numbers [T*T]: (vertical distance + 6) * 13 + horizontal distance + 6.
torch::Tensor make_position_index() {
  const torch::Tensor pixels = torch::arange(kPixels);
  const torch::Tensor rows = pixels.div(kSide, "floor");
  const torch::Tensor columns = pixels.remainder(kSide);
  const auto distances = [](const torch::Tensor& places) {
    return places.unsqueeze(1) - places.unsqueeze(0) + (kSide - 1);
  };
  return (distances(rows) * kDistances + distances(columns)).flatten();
}

std::int64_t missing_pixels(std::int64_t side) { return (kSide - side % kSide) % kSide; }

/// A single window needs no shift.
std::int64_t shift_for(std::int64_t side) { return side <= kSide ? 0 : kSide / 2; }

/// For each place along a side of the shifted image, whether it comes from before the last window (0), from it (1) or
/// from the other end of the image (2). Whole numbers [side].
torch::Tensor origins(std::int64_t side, std::int64_t shift, torch::Device device) {
  const torch::Tensor places = torch::arange(side, torch::TensorOptions(device));
  return places.ge(side - kSide).to(torch::kLong) + places.ge(side - shift).to(torch::kLong);
}

/// What keeps neighbours in a window of the shifted image apart that are none in the image: float [windows,1,T,T].
torch::Tensor shift_mask(std::int64_t height, std::int64_t width, const torch::Tensor& like) {
  const torch::Tensor rows = origins(height, shift_for(height), like.device());
  const torch::Tensor columns = origins(width, shift_for(width), like.device());
  const torch::Tensor regions = rows.unsqueeze(1) * 3 + columns;  // [H,W]
  const torch::Tensor windows =
      regions.view({height / kSide, kSide, width / kSide, kSide}).transpose(1, 2).reshape({-1, 1, kPixels});
  const torch::Tensor is_apart = windows.unsqueeze(3).ne(windows.unsqueeze(2));
  return is_apart.to(like.options()).mul_(kUnseen);
}

}  // namespace

torch::Tensor with_border(const torch::Tensor& x, std::int64_t bottom, std::int64_t right) {
  if (bottom == 0 && right == 0) return x;  // constant_pad_nd would copy it
  return torch::constant_pad_nd(x, {0, 0, 0, right, 0, bottom});
}

ShiftedWindowAttention::ShiftedWindowAttention(std::int64_t channels, std::int64_t heads, Windows windows)
    : heads_(heads), windows_(windows), qkv_(channels, 3 * channels), proj_(channels, channels) {
  register_module("qkv", qkv_);
  register_module("proj", proj_);
  bias_table_ = register_parameter("relative_position_bias_table", torch::empty({kDistances * kDistances, heads}));
  torch::nn::init::normal_(bias_table_, 0, kBiasSpread);
  position_index_ = register_buffer("relative_position_index", make_position_index());
}

torch::Tensor ShiftedWindowAttention::position_bias() const {
  const torch::Tensor index = position_index_.to(torch::kLong);  // Module::to(dtype) converts whole numbers too
  return bias_table_.index_select(0, index).t().reshape({heads_, kPixels, kPixels});
}

torch::Tensor ShiftedWindowAttention::attend(const torch::Tensor& x, const torch::Tensor& bias) {
  const std::int64_t images = x.size(0);
  const std::int64_t rows = x.size(1) / kSide;  // of windows
  const std::int64_t columns = x.size(2) / kSide;
  const std::int64_t width = x.size(3) / heads_;
  torch::Tensor qkv = qkv_(x.flatten(1, 2)).view({images, rows, kSide, columns, kSide, 3, heads_, width});
  // Pixels go into their windows and channels to their heads in one copy: [3,N,windows,heads,T,width].
  qkv = qkv.permute({5, 0, 1, 3, 6, 2, 4, 7}).reshape({3, images, rows * columns, heads_, kPixels, width});
  const auto parts = qkv.unbind(0);
  const torch::Tensor y = compat::attention(parts[0], parts[1], parts[2], bias);
  const torch::Tensor pixels =
      y.reshape({images, rows, columns, heads_, kSide, kSide, width}).permute({0, 1, 4, 2, 5, 3, 6});
  return proj_(pixels.reshape({images, -1, x.size(3)})).view(x.sizes());
}

torch::Tensor ShiftedWindowAttention::forward(const torch::Tensor& x) {
  const std::int64_t height = x.size(1);
  const std::int64_t width = x.size(2);
  torch::Tensor y = with_border(x, missing_pixels(height), missing_pixels(width));
  const std::int64_t down = windows_ == Windows::kShifted ? shift_for(y.size(1)) : 0;
  const std::int64_t right = windows_ == Windows::kShifted ? shift_for(y.size(2)) : 0;
  if (down + right > 0) {
    const torch::Tensor bias = position_bias() + shift_mask(y.size(1), y.size(2), x);  // [windows,heads,T,T]
    y = attend(y.roll({-down, -right}, {1, 2}), bias).roll({down, right}, {1, 2});
  } else {
    y = attend(y, position_bias());
  }
  return y.narrow(1, 0, height).narrow(2, 0, width);
}

}  // namespace margay::model
