#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace margay::model {

/// Whether these are the positions of a class token and a square grid: float [1,1+g*g,D].
bool has_square_grid(const at::Tensor& positions);

/// Learnt positions for a grid of another size: bicubic with antialiasing, as timm's resample_abs_pos_embed.
/// positions: float [1,1+g*g,D], the class token's first, which stays as it is. Returns the same dtype,
/// [1,1+side*side,D]. Throws std::invalid_argument where has_square_grid() is false.
at::Tensor resample_positions(const at::Tensor& positions, std::int64_t side);

}  // namespace margay::model
