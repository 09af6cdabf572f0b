#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "margay/core/options.h"
#include "margay/data/loader/loader.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "margay/train/callback/callback.h"
#include "margay/train/callback/weight_average.h"

namespace margay::train {

struct BatchNormUpdate {
  std::optional<std::int64_t> batches;                   ///< of the pass at most; all unless given
  std::int64_t epoch = 0;                                ///< of the pass
  model::Precision precision = model::Precision::kFp32;  ///< of the network, not kAuto
};

/// Computes the batch norms' running statistics anew: the equal average over the batches of a pass in train mode,
/// including dropout. For weights that have never seen a batch, such as averages of weights (Izmailov et al.,
/// arXiv:1803.05407, §3.2). Weights do not change, and the classifier's mode is kept.
/// Throws core::DataError when no batch has two images that can be read; statistics are then partly forgotten.
void update_batch_norms(model::Classifier& classifier, const data::Loader& loader, const BatchNormUpdate& options = {});

struct SwaOptions {
  double swa_start = 0.75;
  std::optional<std::int64_t> swa_batches;

  static const core::OptionTable& fields();
};

/// The first averaged epoch, from 0, of a fit of `epochs`: swa_start · epochs rounded down, at most the last.
std::int64_t swa_first_epoch(const SwaOptions& options, std::int64_t epochs);

/// Stochastic weight averaging: the equal average of the weights at the ends of a fit's last epochs. Source: Izmailov
/// et al., "Averaging Weights Leads to Wider Optima and Better Generalization", arXiv:1803.05407. Each fit begins a new
/// average. For the constant rate of the paper, use a last stage of a recipe with the schedule flat and swa_start 0.
/// Validation uses the raw weights; apply() makes the averaged network.
class Swa : public Callback {
 public:
  /// Throws std::invalid_argument for options out of range. The classifier: the learner's.
  explicit Swa(const model::Classifier& classifier, const SwaOptions& options = {});

  void before_epoch(Learner& learner, const Progress& at) override;
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;

  /// The number of averaged epochs.
  std::int64_t epochs() const { return epochs_; }
  /// Puts the average into the learner's model, whose batch norms then see training images again: their statistics fit
  /// none of the averaged networks. Has no effect before the first averaged epoch. Throws as update_batch_norms.
  void apply(Learner& learner);

  std::string state_name() const override { return "swa"; }
  CallbackState state() const override;
  void load_state(const CallbackState& state, const std::filesystem::path& source) override;

 private:
  SwaOptions options_;
  AveragedState average_;
  std::int64_t epochs_ = 0;
};

}  // namespace margay::train
