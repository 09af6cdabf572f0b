#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>

#include "margay/model/weights/tensor_map.h"
#include "margay/train/progress.h"
#include "margay/train/wish.h"

namespace margay::train {

class Learner;
struct Probe;

/// The state that a callback needs to continue after an interruption as if there had been none.
struct CallbackState {
  nlohmann::ordered_json values = nlohmann::ordered_json::object();
  model::TensorMap tensors = {};
};

/// Listens to the training loop; the events are listed below in their order. A callback does one job. It may change the
/// learner (learner.cancel_fit() ends the fit after the current step) or throw to end the run.
class Callback {
 public:
  virtual ~Callback() = default;
  /// A recipe's probe has computed the features of `images` of `total` images.
  virtual void during_probe(Learner& /*learner*/, std::int64_t /*images*/, std::int64_t /*total*/) {}
  /// The head is that of the probe; the fits follow. after_epoch comes next, with a record of the probe.
  virtual void after_probe(Learner& /*learner*/, const Probe& /*probe*/) {}
  virtual void before_fit(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void before_epoch(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void before_batch(Learner& /*learner*/, const Progress& /*at*/) {}
  /// at.logits and at.loss are those of this batch. There are no gradients yet.
  virtual void after_loss(Learner& /*learner*/, const Progress& /*at*/) {}
  /// The gradients are complete; the optimizer has not used them yet.
  virtual void before_step(Learner& /*learner*/, const Progress& /*at*/) {}
  /// The optimizer has used the gradients and cleared them. One step may follow several batches, and with accumulation
  /// the last step of an epoch comes after the last after_batch.
  virtual void after_step(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void after_batch(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void after_train(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void after_validate(Learner& /*learner*/, const Progress& /*at*/) {}
  virtual void after_epoch(Learner& /*learner*/, const Progress& /*at*/, const EpochRecord& /*record*/) {}
  virtual void after_fit(Learner& /*learner*/, const Progress& /*at*/) {}
  /// The fit ends by an exception. A callback restores temporary changes here, such as weights for a validation, before
  /// a checkpoint is written. Must not throw.
  virtual void after_interrupt(Learner& /*learner*/, const Progress& /*at*/) {}

  /// Asked in each of several processes before the results of a batch are shared. Learner::is_wanted says in
  /// after_batch whether any process has said yes.
  virtual bool wants(Wish /*wish*/) const { return false; }

  /// The name of its state in a checkpoint, unique among a learner's callbacks; empty: it has no state.
  virtual std::string state_name() const { return {}; }
  virtual CallbackState state() const { return {}; }
  /// Throws core::FormatError, naming `source`, for a state of another callback.
  virtual void load_state(const CallbackState& /*state*/, const std::filesystem::path& /*source*/) {}
};

// Functions that read a callback's state. Each throws core::FormatError, naming `source`, for a value that is missing
// or has another type.

/// A whole number, not negative.
std::int64_t count_at(const nlohmann::ordered_json& state, const char* key, const std::filesystem::path& source);
double number_at(const nlohmann::ordered_json& state, const char* key, const std::filesystem::path& source);
bool flag_at(const nlohmann::ordered_json& state, const char* key, const std::filesystem::path& source);
const nlohmann::ordered_json& part_at(const nlohmann::ordered_json& state, const char* key,
                                      const std::filesystem::path& source);

/// Ends the run after the step in which `is_stop_wanted` returns true, by throwing core::Interrupted. The weights are
/// then those of the completed step. The last step of an epoch of gathered batches is made after its last batch, so the
/// end of the training pass asks, too.
class StopWhen : public Callback {
 public:
  /// Throws std::invalid_argument for an empty function.
  explicit StopWhen(std::function<bool()> is_stop_wanted);
  void during_probe(Learner& learner, std::int64_t images, std::int64_t total) override;
  void after_batch(Learner& learner, const Progress& at) override;
  void after_train(Learner& learner, const Progress& at) override;
  bool wants(Wish wish) const override { return wish == Wish::kStop && is_stop_wanted_(); }

 private:
  [[noreturn]] static void stop(const Progress& at);

  std::function<bool()> is_stop_wanted_;
  bool was_gathering_ = false;  ///< gradients of the last batch waited for their step
};

}  // namespace margay::train
