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

/// A second set of a classifier's values, parameters and buffers, for averages over training. Batch norms' statistics
/// are averaged as weights are; whole numbers, which count batches, are copied. It keeps the classifier's tensors
/// alive, not the classifier. Nothing here is seen by autograd.
class AveragedState {
 public:
  /// Holds zeros until it is given something.
  explicit AveragedState(const model::Classifier& classifier);

  /// Takes the classifier's present values.
  void copy_from_model();
  void copy_to_model();
  /// average += weight · (model - average), in one pass over all memory on the CPU.
  void move_towards_model(double weight);
  /// The model gets the average and the average the model's values. Twice is nothing, bit for bit.
  void swap_with_model();

  /// By the classifier's names; the tensors are its own, not copies.
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

/// Whose results the history shows.
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

/// What the step after `updates` others keeps of the average: ema_decay, with warm-up at most (1 + t) / (10 + t), so
/// that the first weights are soon forgotten (TensorFlow's ExponentialMovingAverage with num_updates).
double ema_decay_at(std::int64_t updates, const WeightAverageOptions& options);

/// Keeps an exponential moving average of the weights, average = d · average + (1 - d) · weights after each step of the
/// optimizer, beginning with the weights before the first one. Batch norms' statistics are averaged as well. Sources:
/// Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992; Tarvainen, Valpola, "Mean teachers
/// are better role models", 2017.
///
/// From after_train to after_validate the average stands in the model and the raw weights here. A checkpoint written in
/// between is nevertheless whole: state() says which of the two it holds. (Its "model." is the average then.) A fit
/// that ends by an exception puts the raw weights back.
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

  /// Steps averaged so far.
  std::int64_t updates() const { return updates_; }
  /// Whether the average stands in the model and the raw weights here.
  bool is_in_model() const { return is_in_model_; }
  /// Puts the raw weights back into the model if they are not there.
  void restore();
  /// Puts the average into the model for good, to save it; the raw weights are lost. Before the first step: nothing.
  void apply();
  /// Calls `use` while the average stands in the model. What it throws passes through, with the raw weights back.
  void with_average(const std::function<void()>& use);
  /// with_average where the average is what validates; otherwise only calls.
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
