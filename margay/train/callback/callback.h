#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>

#include "margay/model/weights/tensor_map.h"
#include "margay/train/progress.h"

namespace margay::train {

class Learner;

/// What a callback must know to go on after an interruption as if there had been none.
struct CallbackState {
  nlohmann::ordered_json values = nlohmann::ordered_json::object();
  model::TensorMap tensors = {};
};

/// Listens to the training loop, in the order of the events below. One callback does one job; it may change the
/// learner (learner.cancel_fit() ends the fit after the current step) or throw to end everything.
class Callback {
 public:
  virtual ~Callback() = default;
  virtual void before_fit(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void before_epoch(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void before_batch(Learner& /*learner*/, const Progress& /*at*/) {}
  /// at.logits and at.loss are those of this batch. The gradient, in a training pass, is not there yet.
  virtual void after_loss(Learner& /*learner*/, const Progress& /*at*/) {}
  /// Gradients are there; the optimizer has not used them.
  virtual void before_step(Learner& /*learner*/, const Progress& /*at*/) {}
  /// The optimizer has used the gradients, and they are gone. A step may end several batches, and the last step of an
  /// epoch comes after the last after_batch where batches are gathered.
  virtual void after_step(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void after_batch(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void after_train(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void after_validate(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void after_epoch(Learner& /*learner*/, const Progress& /*at*/, const EpochRecord& /*record*/) {}
  virtual void after_fit(Learner& /*learner*/, const Progress& /*at*/) {}
  /// The fit ends by an exception. What was changed for a while, as weights for a validation, is to be put back here,
  /// before a checkpoint is written. Must not throw.
  virtual void after_interrupt(Learner& /*learner*/, const Progress& /*at*/) {}

  /// Under which name its state stands in a checkpoint, unique among a learner's callbacks; empty: it has none.
  virtual std::string state_name() const { return {}; }
  virtual CallbackState state() const { return {}; }
  /// Throws core::FormatError, naming `source`, for a state that is not of such a callback.
  virtual void load_state(const CallbackState& /*state*/, const std::filesystem::path& /*source*/) {}
};

// What a callback reads from its state. Each throws core::FormatError, naming `source`, for what is missing or of
// another kind.

/// A whole number, not negative.
std::int64_t count_at(const nlohmann::ordered_json& state, const char* key, const std::filesystem::path& source);
double number_at(const nlohmann::ordered_json& state, const char* key, const std::filesystem::path& source);
bool flag_at(const nlohmann::ordered_json& state, const char* key, const std::filesystem::path& source);
const nlohmann::ordered_json& part_at(const nlohmann::ordered_json& state, const char* key,
                                      const std::filesystem::path& source);

/// Ends the run after the step in which `is_stop_wanted` returns true, by throwing core::Interrupted: the weights
/// are then whole, those of the step just made. The last step of an epoch of gathered batches is made after its last
/// batch, so the end of the training pass asks, too.
class StopWhen : public Callback {
 public:
  /// Throws std::invalid_argument for an empty function.
  explicit StopWhen(std::function<bool()> is_stop_wanted);
  void after_batch(Learner& learner, const Progress& at) override;
  void after_train(Learner& learner, const Progress& at) override;

 private:
  void stop_if_wanted(const Progress& at) const;

  std::function<bool()> is_stop_wanted_;
  bool was_gathering_ = false;  ///< gradients of the last batch waited for their step
};

}  // namespace margay::train
