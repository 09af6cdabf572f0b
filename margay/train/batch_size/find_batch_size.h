#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "margay/core/options.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "margay/train/task_loss.h"

namespace margay::train {

struct AutoBatchOptions {
  /// None: what is free.
  std::optional<std::int64_t> memory_limit_mb;
  std::int64_t largest = 1024;
  double safety = 0.9;

  static const core::OptionTable& fields();
};

/// The bytes that training with a batch of so many images needs, or 0 if it only can tell by trying: it throws
/// c10::OutOfMemoryError, std::bad_alloc, or an error of LibTorch that says so, where there is not enough memory. More
/// images never need less.
using BatchProbe = std::function<std::uint64_t(std::int64_t batch_size)>;

/// The largest batch that fits: a multiple of 8 up to options.largest, or 4 or 2 where 8 do not fit. A batch fits if it
/// needs no more than the safe share of the memory limit (none: any number of bytes) and the probe does not run out of
/// memory; where that has decided, the safe share of the batch is taken. Doubles, then bisects, so it asks about
/// 2·log2(largest / 8) times. Throws core::Error when not even 2 images fit, and what else the probe throws.
std::int64_t find_batch_size(const BatchProbe& probe, const AutoBatchOptions& options);

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
/// LibTorch's generators. Nothing else should compute meanwhile. Throws as the search of find_batch_size.h, and
/// std::invalid_argument for a precision that the device has not, or when neither options nor system say how much
/// memory there is.
BatchSizeAdvice find_batch_size(model::Classifier& classifier, const StepShape& step,
                                const AutoBatchOptions& options = {});

/// The most bytes of CPU tensors at once, besides the classifier, in a training step with its gradients and Adam's
/// moments. The same promises.
std::uint64_t step_memory_bytes(model::Classifier& classifier, const StepShape& step, std::int64_t batch_size);

}  // namespace margay::train
