#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <torch/types.h>
#include <nlohmann/json_fwd.hpp>

#include "margay/core/options.h"

namespace margay::train {

struct LossScalingOptions {
  double init_scale = 65536;
  double growth_factor = 2;
  double backoff_factor = 0.5;
  std::int64_t growth_interval = 2000;
  double min_scale = 0x1p-24;

  static const core::OptionTable& fields();
};

/// Dynamic loss scaling, for training in fp16 (Micikevicius et al., "Mixed Precision Training", 2017): the loss is
/// multiplied by a scale, so that small gradients do not vanish in half precision, and the gradients are divided by it
/// again. As torch.cuda.amp.GradScaler: a step with non-finite gradients is skipped and the scale shrinks; after a
/// number of good steps in a row it grows. One step:
///
///     scaler.scale(loss).backward();
///     const bool is_infinite = scaler.unscale(gradients);
///     if (!is_infinite) optimizer.step(hyper);
///     scaler.update(is_infinite);
class GradScaler {
 public:
  /// Throws std::invalid_argument for an option outside its range.
  explicit GradScaler(const LossScalingOptions& options = {});

  /// loss: a scalar, of any floating type. Returns float32 at least, times the scale, for backward().
  torch::Tensor scale(const torch::Tensor& loss) const;

  /// Divides the gradients by the scale, in place and in at least float32, and returns whether one of them is not
  /// finite (that includes a gradient whose magnitudes add up to more than float32 holds). Call it once per step,
  /// before anything else that reads the gradients, such as clipping. Gradients: any floating types, on one device;
  /// waits for it once.
  bool unscale(const std::vector<torch::Tensor>& gradients) const;

  /// Call it after each step. found_infinite: the result of unscale(). Throws DivergedError if the scale falls below
  /// options.min_scale: then the scale is not the cause of infinite gradients.
  void update(bool found_infinite);

  double current_scale() const { return scale_; }
  /// The number of good steps since the scale changed or a step was skipped.
  std::int64_t good_steps() const { return good_steps_; }

  /// The state to continue with after an interruption.
  nlohmann::ordered_json state() const;
  /// Throws core::FormatError, naming `source`, for an invalid state, and then changes nothing.
  void load_state(const nlohmann::ordered_json& state, const std::filesystem::path& source);

 private:
  LossScalingOptions options_;
  double scale_;
  std::int64_t good_steps_ = 0;
};

}  // namespace margay::train
