#pragma once

#include <cstdint>
#include <optional>

#include "margay/data/loader/loader.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"

namespace margay::train {

struct BatchNormUpdate {
  std::optional<std::int64_t> batches;                   ///< of the pass at most; all unless given
  std::int64_t epoch = 0;                                ///< of the pass
  model::Precision precision = model::Precision::kFp32;  ///< of the network, not kAuto
};

/// Forgets the batch norms' running statistics and makes them anew: the equal average over the batches of a pass, seen
/// in train mode, dropout included. For weights that no batch has been seen with, such as averages of weights
/// (Izmailov et al., arXiv:1803.05407, §3.2). Weights do not change; the classifier's mode is as before.
/// Throws core::DataError when no batch has two images that can be read; statistics are then partly forgotten.
void update_batch_norms(model::Classifier& classifier, const data::Loader& loader, const BatchNormUpdate& options = {});

}  // namespace margay::train
