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

/// Forgets the batch norms' running statistics and makes them anew: the equal average over the batches of a pass, seen
/// in train mode, dropout included. For weights that no batch has been seen with, such as averages of weights
/// (Izmailov et al., arXiv:1803.05407, §3.2). Weights do not change; the classifier's mode is as before.
/// Throws core::DataError when no batch has two images that can be read; statistics are then partly forgotten.
void update_batch_norms(model::Classifier& classifier, const data::Loader& loader, const BatchNormUpdate& options = {});

struct SwaOptions {
  double swa_start = 0.75;
  std::optional<std::int64_t> swa_batches;

  static const core::OptionTable& fields();
};

/// The first epoch, from 0, of a fit of `epochs` that is averaged: swa_start · epochs rounded down, the last at most.
std::int64_t swa_first_epoch(const SwaOptions& options, std::int64_t epochs);

/// Stochastic weight averaging: the equal average of the weights at the ends of a fit's last epochs. Source: Izmailov
/// et al., "Averaging Weights Leads to Wider Optima and Better Generalization", arXiv:1803.05407. Each fit begins an
/// average of its own; the constant rate that the paper averages at is a last stage of a recipe with the schedule flat
/// and swa_start 0. Validation sees the raw weights; apply() makes the averaged network.
class Swa : public Callback {
 public:
  /// Throws std::invalid_argument for options out of range. The classifier: the learner's.
  explicit Swa(const model::Classifier& classifier, const SwaOptions& options = {});

  void before_epoch(Learner& learner, const Progress& at) override;
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;

  /// Epochs in the average.
  std::int64_t epochs() const { return epochs_; }
  /// Puts the average into the learner's model, whose batch norms then see training images again: their statistics
  /// fit none of the networks averaged. Before the first averaged epoch: nothing. Throws as update_batch_norms.
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
