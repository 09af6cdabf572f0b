#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "margay/data/dataset.h"
#include "margay/data/loader/loader_options.h"
#include "margay/data/transform/augment.h"

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

/// From now on the C library's malloc keeps blocks of up to 32 MiB that were freed, 64 MiB for each thread at most,
/// instead of returning each to the system. Decoding asks for the same few hundred kilobytes for every image, and
/// pages handed over anew take up to half of the time of loading (benchmarks/data). Process-wide and irreversible: a
/// program opts in at start; the library never does so by itself. Does nothing with another C library than glibc.
void keep_image_memory();

/// What a network eats in one step.
struct Batch {
  at::Tensor images;               ///< float [N,3,H,W], normalised, channels-last
  std::vector<AugmentDraw> draws;  ///< empty; or [N], and the images are items, uint8 [N,H,W,3], until finished
  at::Tensor targets;              ///< int64 [N], class indices; float [N,K] for several labels or mixed images
  std::vector<std::size_t> ids;    ///< [N], positions in the dataset
  std::int64_t index = 0;          ///< its place in the pass; Loader::pass(epoch, index + 1) goes on behind it

  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

/// The targets of these images: int64 [N]; float [N,K] of zeros and ones where the task is multi-label.
at::Tensor batch_targets(const Dataset& dataset, std::span<const std::size_t> ids);

}  // namespace margay::data
