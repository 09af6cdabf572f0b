#pragma once

#include <string>
#include <vector>

#include "margay/chart/image_grid.h"
#include "margay/core/image.h"
#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/loader/batch.h"

namespace margay::data {

/// An image as the network sees it, but with the normalisation undone. pixels: float [3,H,W], normalised, on any
/// device.
core::Image seen_image(const at::Tensor& pixels, const Normalization& normalization);

/// The first `max_n` images of a batch, each with its label, as the network sees them but with the normalisation
/// undone. Several classes are all named: "cat + dog" where the task is multi-label, "cat 0.7 + dog 0.3" where images
/// were mixed. Throws std::invalid_argument unless max_n > 0.
std::vector<chart::Tile> batch_tiles(const Batch& batch, const Vocabulary& vocabulary,
                                     const Normalization& normalization, int max_n = 9);

/// batch_tiles in a grid: uint8 [H,W,3].
core::Image show_batch(const Batch& batch, const Vocabulary& vocabulary, const Normalization& normalization,
                       int max_n = 9);

/// One image as the network sees it: first as in validation, with the caption `caption`, then in `draws` random draws
/// of training.
/// Throws core::DataError naming the file, std::invalid_argument unless draws > 0.
std::vector<chart::Tile> draw_tiles(const ImagePipeline& pipeline, const ImageSource& image, const std::string& caption,
                                    int draws, std::uint64_t seed);

/// The same of an image that ImagePipeline::read has read already, for callers that draw it again and again.
std::vector<chart::Tile> draw_tiles(const ImagePipeline& pipeline, const core::Image& whole, const std::string& caption,
                                    int draws, std::uint64_t seed);

}  // namespace margay::data
