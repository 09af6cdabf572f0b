#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "margay/core/options.h"
#include "margay/model/classifier.h"
#include "margay/model/weights/tensor_map.h"
#include "margay/train/callback/callback.h"

namespace margay::train {

/// A second set of a classifier's parameters and buffers, for averages over training. Batch norms' statistics are
/// averaged like weights; integers, which count batches, are copied. It keeps the classifier's tensors alive, not the
/// classifier. Autograd does not record it.
class AveragedState {
 public:
  /// The values are zeros at first.
  explicit AveragedState(const model::Classifier& classifier);

  /// Copies the classifier's current values.
  void copy_from_model();
  void copy_to_model();
  /// average += weight · (model - average), in one pass over all memory on the CPU.
  void move_towards_model(double weight);
  /// Swaps the values of the model and the average. Two swaps restore every bit.
  void swap_with_model();

  /// The values by the classifier's names. The tensors are not copies.
  model::TensorMap tensors() const;
  /// Copies the values. Throws core::FormatError, naming `source`, unless names and shapes are the classifier's.
  void load(const model::TensorMap& tensors, const std::filesystem::path& source);

 private:
  struct Slot {
    std::string name;
    torch::Tensor model;    ///< the classifier's own
    torch::Tensor average;  ///< like it
  };
  std::vector<Slot> slots_;
};

/// Whose results the history contains.
enum class EvaluateWith { kAverage, kRaw };

constexpr auto names(EvaluateWith /*tag*/) {
  return std::array{std::pair{EvaluateWith::kAverage, "average"}, std::pair{EvaluateWith::kRaw, "raw"}};
}

struct WeightAverageOptions {
  double ema_decay = 0.999;
  bool ema_warmup = true;
  EvaluateWith ema_evaluate = EvaluateWith::kAverage;

  static const core::OptionTable& fields();
};

/// The decay of the step after `updates` others: ema_decay, with warm-up at most (1 + t) / (10 + t), so that the first
/// weights are soon forgotten (TensorFlow's ExponentialMovingAverage with num_updates).
double ema_decay_at(std::int64_t updates, const WeightAverageOptions& options);

/// Keeps an exponential moving average of the weights, average = d · average + (1 - d) · weights after each step of the
/// optimizer, beginning with the weights before the first one. Batch norms' statistics are averaged as well. Sources:
/// Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992; Tarvainen, Valpola, "Mean teachers
/// are better role models", 2017.
///
/// From after_train to after_validate the model holds the average, and this object the raw weights. A checkpoint
/// written in between is complete nevertheless: state() says which of the two it holds. (Its "model." is then the
/// average.) A fit that ends by an exception restores the raw weights.
class WeightAverage : public Callback {
 public:
  /// Throws std::invalid_argument for options out of range. The classifier: the learner's.
  explicit WeightAverage(const model::Classifier& classifier, const WeightAverageOptions& options = {});

  void before_fit(Learner& learner, const Progress& at) override;
  void before_step(Learner& learner, const Progress& at) override;
  void after_step(Learner& learner, const Progress& at) override;
  void after_train(Learner& learner, const Progress& at) override;
  void after_validate(Learner& learner, const Progress& at) override;
  void after_interrupt(Learner& /*learner*/, const Progress& /*at*/) override { restore(); }

  /// The number of averaged steps.
  std::int64_t updates() const { return updates_; }
  /// Whether the model holds the average, and this object the raw weights.
  bool is_in_model() const { return is_in_model_; }
  /// Restores the raw weights in the model if necessary.
  void restore();
  /// Puts the average into the model permanently, to save it; the raw weights are lost. Has no effect before the first
  /// step.
  void apply();
  /// Calls `use` while the model holds the average, then restores the raw weights, even after an exception.
  void with_average(const std::function<void()>& use);
  /// with_average if the average is validated; otherwise only calls `use`.
  void with_validated(const std::function<void()>& use);

  std::string state_name() const override { return "weight_average"; }
  CallbackState state() const override;
  void load_state(const CallbackState& state, const std::filesystem::path& source) override;

 private:
  void put_into_model();

  WeightAverageOptions options_;
  AveragedState average_;  ///< the raw weights while is_in_model_
  std::int64_t updates_ = 0;
  bool is_in_model_ = false;
};

}  // namespace margay::train
