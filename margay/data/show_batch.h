#pragma once

#include "margay/data/image/image.h"
#include "margay/data/loader/batch.h"
#include "margay/data/transform/normalization.h"
#include "margay/data/vocabulary.h"

namespace margay::data {

/// The first `max_n` pictures of a batch as a grid, as square as can be, each above its label: uint8 [H,W,3].
/// Undoes the normalisation, so this is what the network sees. Throws std::invalid_argument unless max_n > 0.
Image show_batch(const Batch& batch, const Vocabulary& vocabulary, const Normalization& normalization, int max_n = 9);

}  // namespace margay::data
