#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "margay/core/options.h"
#include "margay/model/weights/tensor_map.h"
#include "margay/train/callback/callback.h"
#include "margay/train/tuning_comparison.h"

namespace margay::train {

/// Which classifier a training from a probe leaves.
enum class KeepModel { kBetter, kLast };

constexpr auto names(KeepModel /*tag*/) {
  return std::array{std::pair{KeepModel::kBetter, "better"}, std::pair{KeepModel::kLast, "last"}};
}

struct TuningGuardOptions {
  KeepModel keep = KeepModel::kBetter;
  std::int64_t guard_checks = 2;

  static const core::OptionTable& fields();
};

/// Watches a training that begins at a probe, so that it does not end worse than it began.
///
/// The probe's losses on the validation images are where it starts. `guard_checks` times an epoch, the last time after
/// its training pass, the losses of the same images are compared with them, image by image and at the full size of the
/// images. Where they have risen by more than chance (Student's t of the paired differences above 2), training only
/// spoils: weights and buffers become the probe's again, the optimizer forgets its moments, and all rates fall to a
/// quarter. Where that happens for the third time training ends, and so does every later stage.
///
/// Without a validation set it does nothing. It owns the learner's lr_factor, which it only multiplies.
class TuningGuard : public Callback {
 public:
  /// note: called with one sentence for each time that it interferes. Throws std::invalid_argument for options out of
  /// range.
  explicit TuningGuard(const TuningGuardOptions& options = {}, std::function<void(const std::string&)> note = {});

  void after_probe(Learner& learner, const Probe& probe) override;
  void before_fit(Learner& learner, const Progress& at) override;
  void before_epoch(Learner& learner, const Progress& at) override;
  void after_batch(Learner& learner, const Progress& at) override;
  void after_validate(Learner& learner, const Progress& at) override;

  /// Whether there is a probe to compare with: after one with a validation set.
  bool is_watching() const { return start_.losses.defined(); }
  /// How often it has put the probe back.
  std::int64_t times_restored() const { return times_restored_; }
  bool has_stopped() const { return times_restored_ >= kMostTimes; }
  static constexpr std::int64_t kMostTimes = 3;

  /// The learner's network now against the probe, or nothing unless is_watching().
  std::optional<TuningComparison> compare(Learner& learner) const;
  /// Makes the network the probe again. Only after is_watching().
  void restore_start(Learner& learner) const;

  std::string state_name() const override { return "tuning_guard"; }
  CallbackState state() const override;
  void load_state(const CallbackState& state, const std::filesystem::path& source) override;

 private:
  ImageScores scores_now(Learner& learner) const;
  ImageScores validated_scores(Learner& learner);
  void check(Learner& learner, const Progress& at, const ImageScores& now);
  void step_back(Learner& learner, const Progress& at, const metric::Difference& rise);

  TuningGuardOptions options_;
  std::function<void(const std::string&)> note_;
  ImageScores start_;
  torch::Tensor groups_;                         ///< int64 [N] of start_'s images
  model::TensorMap weights_;                     ///< copies of the probe's
  std::vector<predict::Predictions> validated_;  ///< the batches of a validation
  std::int64_t times_restored_ = 0;
  std::int64_t checks_done_ = 0;                ///< of this epoch
  std::filesystem::path source_ = "the probe";  ///< the file of weights_, for messages
};

}  // namespace margay::train
