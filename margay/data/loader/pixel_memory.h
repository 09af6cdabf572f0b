#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/data/loader/loader_options.h"

namespace margay::data {

/// Whether batches shall lie in page-locked memory.
/// Throws std::invalid_argument when they shall, but there is no CUDA device.
bool is_pinned(PinMemory choice);

/// Square images of three channels.
struct PixelShape {
  int side = 0;
  at::ScalarType type = at::kFloat;
};

/// The memory of a pass's batches. Memory that was used before is given out again as soon as nobody else holds it:
/// pages that the system has to hand over anew cost as much as a tenth of the loading. Not so page-locked memory:
/// LibTorch recycles it itself, and only LibTorch knows when a copy to the GPU that runs beside the program is done
/// with it.
class PixelMemory {
 public:
  /// kept: how many batches to hold on to at most.
  PixelMemory(PinMemory choice, PixelShape shape, std::size_t kept)
      : is_pinned_(is_pinned(choice)), shape_(shape), kept_(kept) {}

  /// [rows,side,side,3], not filled.
  at::Tensor take(std::int64_t rows);

 private:
  const bool is_pinned_;
  const PixelShape shape_;
  const std::size_t kept_;
  std::vector<at::Tensor> known_;
};

}  // namespace margay::data
