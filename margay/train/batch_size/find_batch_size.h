#pragma once

#include <cstdint>

#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "margay/train/batch_size/batch_search.h"
#include "margay/train/task_loss.h"

namespace margay::train {

/// The training step whose memory is in question.
struct StepShape {
  std::int64_t image_px = 224;  ///< side of the network's input
  model::Precision precision = model::Precision::kAuto;
  TaskLoss loss = {};
  /// Batches that the loader holds beside the step, float32; they count on the CPU only. Its prefetch and the current.
  std::int64_t batches_held = 4;
};

struct BatchSizeAdvice {
  std::int64_t batch_size = 0;
  std::uint64_t needed_bytes = 0;  ///< by training with it; 0 if unknown (elsewhere than on the CPU)
  std::uint64_t limit_bytes = 0;   ///< that it was held against, before safety; 0 if unknown
};

/// The largest batch with which the classifier, everything unfrozen and with Adam, trains in the memory that is there.
/// On the CPU two small steps are made and the memory of their tensors counted, which grows in proportion; available is
/// what core::available_memory_bytes says, control groups included. On other devices steps of growing size are made
/// until memory runs out. The classifier is afterwards as before, whatever is thrown, but has no gradients; so are
/// LibTorch's generators. Nothing else should compute meanwhile. Throws as the search of batch_search.h, and
/// std::invalid_argument for a precision that the device has not, or when neither options nor system say how much
/// memory there is.
BatchSizeAdvice find_batch_size(model::Classifier& classifier, const StepShape& step,
                                const AutoBatchOptions& options = {});

/// The most bytes of CPU tensors at once, besides the classifier, in a training step with its gradients and Adam's
/// moments. The same promises.
std::uint64_t step_memory_bytes(model::Classifier& classifier, const StepShape& step, std::int64_t batch_size);

}  // namespace margay::train
