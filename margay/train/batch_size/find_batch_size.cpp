#include "margay/train/batch_size/find_batch_size.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/memory.h"
#include "margay/model/cpu_memory.h"
#include "margay/model/state_guard.h"

namespace margay::train {
namespace {

constexpr std::int64_t kMegabyte = 1'000'000;

/// Trains everything, as long as it lives; then the classifier is what it was, without gradients.
class TrialTraining {
 public:
  explicit TrialTraining(model::Classifier& classifier)
      : classifier_(classifier), state_(classifier.buffers(), classifier.device()), modes_(classifier) {
    drop_gradients();
    for (const torch::Tensor& each : classifier.parameters()) trained_.emplace_back(each, each.requires_grad());
    for (auto& [parameter, was_trained] : trained_) parameter.set_requires_grad(true);
    classifier.train();
  }
  TrialTraining(const TrialTraining&) = delete;
  TrialTraining& operator=(const TrialTraining&) = delete;
  ~TrialTraining() {
    drop_gradients();
    for (auto& [parameter, was_trained] : trained_) parameter.set_requires_grad(was_trained);
  }

  /// One step with everything that it holds at once, but without changing a weight.
  void step(const StepShape& shape, std::int64_t batch_size) {
    const torch::TensorOptions options = torch::device(classifier_.device());
    const bool is_single = shape.loss.task == data::Task::kSingleLabel;
    const std::vector<torch::Tensor> moments = adam_moments();
    const torch::Tensor images = torch::zeros({batch_size, 3, shape.image_px, shape.image_px}, options)
                                     .contiguous(at::MemoryFormat::ChannelsLast);
    const torch::Tensor targets = is_single ? torch::zeros({batch_size}, options.dtype(torch::kLong))
                                            : torch::zeros({batch_size, classifier_.num_classes()}, options);
    torch::Tensor logits;
    {
      const model::Autocast autocast(classifier_.device(), shape.precision);
      logits = classifier_.forward(images).to(torch::kFloat);
    }
    shape.loss.mean(logits, targets).backward();
    drop_gradients();
  }

 private:
  std::vector<torch::Tensor> adam_moments() const {
    std::vector<torch::Tensor> moments;
    for (const torch::Tensor& each : classifier_.parameters()) {
      for (int i = 0; i < 2; ++i) moments.push_back(torch::empty_like(each));
    }
    return moments;
  }

  void drop_gradients() {
    for (torch::Tensor& each : classifier_.parameters()) each.mutable_grad() = torch::Tensor();
  }

  model::Classifier& classifier_;
  model::StateGuard state_;
  model::ModeGuard modes_;
  std::vector<std::pair<torch::Tensor, bool>> trained_;
};

/// Of which two steps are made: large enough that activations outweigh weights, which are there once for any batch.
std::int64_t measured_batch(std::int64_t image_px, std::int64_t largest) {
  const double share = 224.0 / static_cast<double>(image_px);
  const auto images = static_cast<std::int64_t>(std::llround(4 * share * share));
  return std::clamp<std::int64_t>(std::min<std::int64_t>(images, 64), 4, largest / 2);
}

/// Bytes by batch size, from two measurements.
class MemoryLine {
 public:
  MemoryLine(model::Classifier& classifier, const StepShape& step, std::int64_t batch_size)
      : origin_(batch_size),
        at_origin_(static_cast<double>(step_memory_bytes(classifier, step, batch_size))),
        per_image_((static_cast<double>(step_memory_bytes(classifier, step, 2 * batch_size)) - at_origin_) /
                   static_cast<double>(batch_size)),
        held_per_image_(static_cast<double>(step.batches_held * 3 * step.image_px * step.image_px * 4)) {}

  std::uint64_t operator()(std::int64_t batch_size) const {
    const double tensors = at_origin_ + per_image_ * static_cast<double>(batch_size - origin_);
    return static_cast<std::uint64_t>(std::max(tensors, 0.0) + held_per_image_ * static_cast<double>(batch_size));
  }

 private:
  std::int64_t origin_;
  double at_origin_;
  double per_image_;
  double held_per_image_;
};

BatchSizeAdvice advise_on_cpu(model::Classifier& classifier, const StepShape& step, AutoBatchOptions options) {
  if (!options.memory_limit_mb) {
    const auto free_mb = static_cast<std::int64_t>(core::available_memory_bytes()) / kMegabyte;
    if (free_mb == 0)
      throw std::invalid_argument("[auto_batch] the system does not say what is free: give memory_limit_mb");
    options.memory_limit_mb = free_mb;
  }
  const MemoryLine needed(classifier, step, measured_batch(step.image_px, options.largest));
  const std::int64_t batch_size = find_batch_size(BatchProbe(needed), options);
  return {batch_size, needed(batch_size), static_cast<std::uint64_t>(*options.memory_limit_mb * kMegabyte)};
}

BatchSizeAdvice advise_by_trying(model::Classifier& classifier, const StepShape& step,
                                 const AutoBatchOptions& options) {
  const auto probe = [&](std::int64_t batch_size) -> std::uint64_t {
    TrialTraining(classifier).step(step, batch_size);
    return 0;
  };
  return {.batch_size = find_batch_size(BatchProbe(probe), options)};
}

}  // namespace

BatchSizeAdvice find_batch_size(model::Classifier& classifier, const StepShape& step, const AutoBatchOptions& options) {
  core::validate(options);
  if (classifier.device().is_cpu()) return advise_on_cpu(classifier, step, options);
  return advise_by_trying(classifier, step, options);
}

std::uint64_t step_memory_bytes(model::Classifier& classifier, const StepShape& step, std::int64_t batch_size) {
  TrialTraining training(classifier);
  const model::LiveMemory memory;
  training.step(step, batch_size);
  return memory.peak_bytes();
}

}  // namespace margay::train
