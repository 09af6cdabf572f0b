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
  /// Absent: the free memory.
  std::optional<std::int64_t> memory_limit_mb;
  std::int64_t largest = 1024;
  double safety = 0.9;

  static const core::OptionTable& fields();
};

/// Returns the bytes that training needs for a batch of this size, or 0 if it can only try: it throws
/// c10::OutOfMemoryError, std::bad_alloc, or an out-of-memory error of LibTorch if there is not enough memory. More
/// images must never need less.
using BatchProbe = std::function<std::uint64_t(std::int64_t batch_size)>;

/// The largest batch that fits: a multiple of 8 up to options.largest, or 4 or 2 if 8 do not fit. A batch fits if it
/// needs no more than the safe share of the memory limit (if there is one) and the probe does not run out of memory; if
/// the probe decides, the safe share of the batch is used. Doubles, then bisects, so it calls the probe about
/// 2·log2(largest / 8) times. Throws core::Error when not even 2 images fit, and what else the probe throws.
std::int64_t find_batch_size(const BatchProbe& probe, const AutoBatchOptions& options);

/// The training step whose memory is measured.
struct StepShape {
  std::int64_t image_px = 224;  ///< side of the network's input
  model::Precision precision = model::Precision::kAuto;
  TaskLoss loss = {};
  /// Batches that the loader holds besides the step, as float32: its prefetch and the current one. They count on the
  /// CPU only.
  std::int64_t batches_held = 4;
};

struct BatchSizeAdvice {
  std::int64_t batch_size = 0;     ///< of one process
  std::uint64_t needed_bytes = 0;  ///< for training with it; 0 if unknown (on devices other than the CPU)
  std::uint64_t limit_bytes = 0;   ///< the memory limit, without the safety share; 0 if unknown
  int processes = 1;               ///< that train together, each with so many images and so much memory
};

/// The largest batch with which the classifier, completely unfrozen and with Adam, trains in the available memory. On
/// the CPU it makes two small steps and counts the memory of their tensors, which grows in proportion;
/// core::available_memory_bytes gives the available memory, control groups included. On other devices it makes steps of
/// growing size until memory runs out. Afterwards the classifier and LibTorch's generators are as before, even after an
/// exception, but the classifier has no gradients. Nothing else should compute meanwhile. Throws as the search of
/// find_batch_size.h, and std::invalid_argument for a precision that the device has not, or when neither options nor
/// system say how much memory there is.
BatchSizeAdvice find_batch_size(model::Classifier& classifier, const StepShape& step,
                                const AutoBatchOptions& options = {});

/// The peak memory of CPU tensors, besides the classifier, in a training step with its gradients and Adam's moments.
/// The classifier and the generators are restored as above.
std::uint64_t step_memory_bytes(model::Classifier& classifier, const StepShape& step, std::int64_t batch_size);

}  // namespace margay::train
