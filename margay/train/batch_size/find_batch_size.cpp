#include "margay/train/batch_size/find_batch_size.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/error.h"
#include "margay/core/machine.h"
#include "margay/core/quantity.h"
#include "margay/model/cpu_memory.h"
#include "margay/model/network_state.h"
#include "margay/model/torch_errors.h"

namespace margay::train {
namespace {

constexpr std::int64_t kUnit = 8;  // vector units and tensor cores like multiples of it
constexpr double kMega = 1e6;

/// Asks the probe, and remembers how it ran out of memory.
class BatchTrial {
 public:
  BatchTrial(const BatchProbe& probe, const AutoBatchOptions& options) : probe_(probe), options_(options) {}

  bool fits(std::int64_t batch_size) {
    try {
      needed_ = static_cast<double>(probe_(batch_size));
      return !options_.memory_limit_mb || needed_ <= options_.safety * kMega * double(*options_.memory_limit_mb);
    } catch (const core::OutOfMemoryError&) {
      has_run_out_ = true;
    } catch (const c10::OutOfMemoryError&) {
      has_run_out_ = true;
    } catch (const std::exception& error) {
      if (!core::says_out_of_memory(error)) throw;
      has_run_out_ = true;
    }
    return false;
  }

  /// Memory that has run out once is used in part.
  std::int64_t safe(std::int64_t batch_size) const {
    if (!has_run_out_) return batch_size;
    const auto share = static_cast<std::int64_t>(options_.safety * static_cast<double>(batch_size));
    return std::max(share / kUnit * kUnit, std::min(batch_size, kUnit));
  }

  [[noreturn]] void give_up() const {
    if (has_run_out_) throw core::Error("not even two images fit into memory; use smaller images or another network");
    throw core::Error(fmt::format("two images need {}, and {} may be used; use smaller images or another network",
                                  core::size_text(static_cast<std::uint64_t>(needed_)),
                                  core::size_text(static_cast<std::uint64_t>(
                                      kMega * options_.safety * static_cast<double>(*options_.memory_limit_mb)))));
  }

 private:
  const BatchProbe& probe_;
  const AutoBatchOptions& options_;
  bool has_run_out_ = false;
  double needed_ = 0;
};

}  // namespace

std::int64_t find_batch_size(const BatchProbe& probe, const AutoBatchOptions& options) {
  core::validate(options);
  BatchTrial trial(probe, options);
  if (!trial.fits(kUnit)) {
    for (const std::int64_t few : {4, 2}) {
      if (trial.fits(few)) return few;
    }
    trial.give_up();
  }
  std::int64_t fits = kUnit;
  std::int64_t fails = (options.largest / kUnit + 1) * kUnit;  // or is not allowed
  for (std::int64_t size = 2 * fits; size < fails; size *= 2) (trial.fits(size) ? fits : fails) = size;
  while (fails - fits > kUnit) {
    const std::int64_t middle = (fits + fails) / 2 / kUnit * kUnit;
    (trial.fits(middle) ? fits : fails) = middle;
  }
  return trial.safe(fits);
}

const core::OptionTable& AutoBatchOptions::fields() {
  static const core::OptionTable table(
      "auto_batch",
      {core::field<&AutoBatchOptions::memory_limit_mb>(
           "memory_limit_mb", "memory limit of training, megabytes; by default the free memory", {1, 1e9}),
       core::field<&AutoBatchOptions::largest>("largest", "no batch is larger", {8, 65536}),
       core::field<&AutoBatchOptions::safety>("safety", "the share of the memory that is used", {0.1, 1})});
  return table;
}

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
  return model::with_own_errors("use a smaller `size` or another network", [&] {
    return classifier.device().is_cpu() ? advise_on_cpu(classifier, step, options)
                                        : advise_by_trying(classifier, step, options);
  });
}

std::uint64_t step_memory_bytes(model::Classifier& classifier, const StepShape& step, std::int64_t batch_size) {
  TrialTraining training(classifier);
  const model::LiveMemory memory;
  training.step(step, batch_size);
  return memory.peak_bytes();
}

}  // namespace margay::train
