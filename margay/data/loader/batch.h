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

/// Whether batches are allocated in page-locked memory. Throws std::invalid_argument for kOn without a CUDA device.
bool is_pinned(PinMemory choice);

/// Square images of three channels.
struct PixelShape {
  int side = 0;
  at::ScalarType type = at::kFloat;
};

/// The memory of a pass's batches. Memory is reused as soon as no one else holds it, because fresh pages from the
/// system cost up to a tenth of the loading time. Page-locked memory is not reused here: LibTorch does that itself, and
/// only LibTorch knows when an asynchronous copy to the GPU has finished.
class PixelMemory {
 public:
  /// kept: the largest number of batches to keep.
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

/// Makes the C library's malloc keep freed blocks of up to 32 MiB, at most 64 MiB for each thread, instead of returning
/// them to the system. Decoding allocates the same few hundred kilobytes for every image, and getting fresh pages from
/// the system takes up to half of the loading time (benchmarks/data). The setting is process-wide and irreversible, so
/// a program calls this at its start; the library never calls it. Has no effect with C libraries other than glibc.
void keep_image_memory();

/// The input of a network for one step.
struct Batch {
  at::Tensor images;               ///< float [N,3,H,W], normalised, channels-last
  std::vector<AugmentDraw> draws;  ///< empty; or [N], and until finished the images are items, uint8 [N,H,W,3]
  at::Tensor targets;              ///< int64 [N], class indices; float [N,K] for several labels or mixed images
  std::vector<std::size_t> ids;    ///< [N], positions in the dataset
  /// [V] images of each micro-batch of this process, one after another, without those that could not be read; empty
  /// where batches are not divided.
  std::vector<std::int64_t> micro_sizes;
  std::int64_t index = 0;  ///< its position in the pass; Loader::pass(epoch, index + 1) continues after it

  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

/// The targets of these images: int64 [N]; float [N,K] of zeros and ones where the task is multi-label.
at::Tensor batch_targets(const Dataset& dataset, std::span<const std::size_t> ids);

}  // namespace margay::data
