#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/core/options.h"
#include "margay/data/data_block.h"
#include "margay/metric/metric.h"
#include "margay/metric/test_time_augmentation.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "margay/train/callback/callback.h"
#include "margay/train/device_prefetcher.h"
#include "margay/train/optim/optimizer.h"
#include "margay/train/optim/optimizer_options.h"
#include "margay/train/precision/grad_scaler.h"
#include "margay/train/progress.h"
#include "margay/train/recipe/recipes.h"
#include "margay/train/schedule/learning_rate.h"
#include "margay/train/schedule/schedule.h"
#include "margay/train/task_loss.h"

namespace margay::train {

class TimedPass;

struct LearnerOptions {
  OptimizerOptions optimizer;
  LossOptions loss;
  model::Precision precision = model::Precision::kAuto;
  std::string device = "auto";
  std::int64_t accumulate = 1;
  bool checkpoint_activations = false;

  static const core::OptionTable& fields();
};

/// One fit: epochs, or seconds, under one schedule.
struct FitPlan {
  std::string stage = "fit";
  std::int64_t epochs = 1;
  HyperSchedule schedule;
  /// Train so long instead, validations included; the schedule runs over the time.
  std::optional<double> seconds = std::nullopt;
};

/// What a model says of a data set; rows are the images that could be read, in the data's order.
struct Predictions {
  torch::Tensor logits;          ///< float [N,K]
  torch::Tensor targets;         ///< int64 [N]; float [N,K] for multi-label
  torch::Tensor losses;          ///< float [N]
  std::vector<std::size_t> ids;  ///< [N], positions in the data set
  std::vector<data::SkippedImage> skipped;
};

using metric::TtaOptions;

/// Data, a network and an optimizer, and the loop that brings them together. It computes and announces events;
/// it never prints. Between fits the optimizer remembers its moments, as fastai's does.
///
/// Callbacks may call the learner that they hear of. A training with a callback that calls evaluate(), get_preds(),
/// tta() or save() in any event is bit by bit the training without it, and `at` is after the call what it was before.
/// An event is heard by those who were callbacks when it began: one that is added or exchanged during an event hears
/// from the next one on. What would begin or replace a training while one is under way (fit and its relatives,
/// train_only, run, resume_at, and with them lr_find and load_checkpoint) throws std::invalid_argument and changes
/// nothing.
class Learner {
 public:
  /// Throws std::invalid_argument without a classifier, when classes do not match, for a device or precision that is
  /// not there, and for a loss or an optimizer that cannot be had.
  Learner(data::Loaders loaders, std::shared_ptr<model::Classifier> classifier, const LearnerOptions& options = {});

  /// Trains by a plan. Throws what callbacks throw, and DivergedError when the loss is no finite number; weights are
  /// then those of the last step. After resume_at() it goes on within the fit that stood there, which must be of the
  /// same stage (std::invalid_argument).
  void fit(const FitPlan& plan);
  void fit(std::int64_t epochs, const HyperSchedule& schedule, const std::string& stage = "fit");
  /// Constant rates.
  void fit(std::int64_t epochs, const LearningRate& lr = 1e-3);
  /// Trains, pass after pass and without validation, until a callback throws.
  void train_only(const HyperSchedule& schedule);
  /// Throws what run() would throw for a recipe that this network cannot train by, before anything is trained.
  void check(const Stages& recipe) const;
  /// Trains the stages of a recipe one after another, a stage whose name was there before with a number behind it;
  /// after resume_at() from the stage on that stood there. seconds: if given, the stages share so much time instead, by
  /// their epochs. Throws as fit and hyper_schedule.
  void run(const Stages& recipe, std::optional<double> seconds = std::nullopt);

  /// Every group's rate up to `lr_max` and down again, momentum the other way (fastai's fit_one_cycle).
  void fit_one_cycle(std::int64_t epochs, const LearningRate& lr_max = 1e-3, const OneCycleShape& shape = {});
  /// Flat at `lr`, then a cosine down (fastai's fit_flat_cos).
  void fit_flat_cos(std::int64_t epochs, const LearningRate& lr = 1e-3, const FlatCosShape& shape = {});
  /// Cosines down with warm restarts (fastai's fit_sgdr).
  void fit_sgdr(const SgdrShape& shape, const LearningRate& lr_max = 1e-3);
  /// First the head alone, then everything with discriminative rates from base_lr/2/lr_mult to base_lr/2
  /// (fastai's fine_tune). epochs counts the unfrozen ones.
  void fine_tune(std::int64_t epochs, const FineTuneOptions& options = {});

  void freeze();
  void unfreeze();
  /// Trains the groups from `group` on, negative: counted from the end; batch norms of all groups go on training.
  void freeze_to(int group);

  /// Validation loss and metrics of the network as it is now, as an epoch's record has them; callbacks do not hear of
  /// it, and nothing is kept of it but what could not be read. The network's mode (train or eval) is then as before,
  /// here and below. Throws std::invalid_argument while a validation is under way, whose metrics would be forgotten.
  EpochRecord evaluate();
  /// Logits, losses and targets over the validation images. Throws std::invalid_argument when there are none.
  Predictions get_preds();
  /// get_preds averaged with options.n draws of every image: test-time augmentation, fastai's tta. The logits are
  /// those of the averaged probabilities.
  Predictions tta(const TtaOptions& options = {});

  /// Callbacks hear of events in the order in which they were added.
  /// Throws std::invalid_argument for null, and for one whose state has the name of another's.
  void add_callback(std::shared_ptr<Callback> callback);
  /// Returns those so far. Throws as add_callback, and then nothing is exchanged.
  std::vector<std::shared_ptr<Callback>> exchange_callbacks(std::vector<std::shared_ptr<Callback>> callbacks);
  /// Throws std::invalid_argument for null among them.
  void set_metrics(metric::Metrics metrics);
  /// How much each class counts in the training loss (data::class_weights); empty: all alike. Validation stays
  /// unweighted, so that runs compare. Throws std::invalid_argument for another number of weights than classes, and for
  /// a loss that knows none.
  void set_class_weights(std::vector<double> weights);
  /// What training minimises in the place of LearnerOptions::loss, as Distillation. Throws std::invalid_argument for an
  /// empty one.
  void set_training_loss(TrainingLoss loss);
  /// The loss of the options, with the class weights.
  const TaskLoss& loss() const { return loss_; }
  /// Scales the loss against the small range of fp16. Learners of that precision have one from the beginning.
  void set_grad_scaler(GradScaler scaler) { scaler_ = scaler; }
  std::optional<GradScaler>& grad_scaler() { return scaler_; }
  const metric::Metrics& metrics() const { return metrics_; }
  /// Multiplies all learning rates from the next step on, whatever the schedule: for rules that watch the results.
  /// Throws std::invalid_argument unless positive.
  void set_lr_factor(double factor);
  double lr_factor() const { return training_state_.lr_factor; }
  /// Ends the current fit after the step that is under way.
  void cancel_fit() { training_state_.is_cancelled = true; }

  std::size_t num_groups() const { return optimizer_->num_groups(); }
  const data::Loaders& loaders() const { return loaders_; }
  /// Those that it was made with, whatever the size of a stage's images.
  const data::Loaders& given_loaders() const { return given_; }
  const std::string& architecture() const { return classifier_->options().architecture; }
  /// Batches whose gradients make one step of the optimizer.
  std::int64_t accumulate() const { return accumulate_; }
  model::Classifier& classifier() { return *classifier_; }
  Optimizer& optimizer() { return *optimizer_; }
  /// The precision in use, never kAuto.
  model::Precision precision() const { return precision_; }
  torch::Device device() const { return device_; }
  const std::vector<EpochRecord>& history() const { return training_state_.history; }
  const std::vector<StepRecord>& steps() const { return training_state_.steps; }
  /// Training passes begun so far, over all fits: the epoch that the loaders see, which decides what the next one
  /// draws.
  std::int64_t passes() const { return training_state_.passes; }
  /// Images left out so far because they could not be read, each once.
  const std::vector<data::SkippedImage>& skipped() const { return training_state_.skipped; }

  /// Where it stands: between two steps of the optimizer, if has_pending_gradients() is false.
  const TrainingState& training_state() const { return training_state_; }
  /// The next fit goes on from here. Model, optimizer and generator are the caller's to put back (Snapshot).
  void resume_at(TrainingState state);
  bool is_resuming() const { return is_resuming_; }
  /// Whether a fit is under way: the caller is a callback.
  bool is_fitting() const { return is_fitting_; }
  /// The next fit begins anew, whatever resume_at() said.
  void begin_anew() { is_resuming_ = false; }
  /// Forgets the gradients of a step that is not complete.
  void drop_gradients();
  /// Whether gradients of a step that is not yet complete wait for more batches (LearnerOptions::accumulate).
  bool has_pending_gradients() const { return pending_images_ > 0; }
  const std::vector<std::shared_ptr<Callback>>& callbacks() const { return callbacks_; }

  /// The trained classifier with its classes and transforms as one portable file. Throws core::IoError.
  void save(const std::filesystem::path& path,
            const nlohmann::ordered_json& provenance = nlohmann::ordered_json::object());

 private:
  struct StagePlan;
  enum class Audience { kCallbacks, kNobody };
  /// Throws std::invalid_argument while a fit is under way, which `what` would disturb.
  void refuse_within_fit(const char* what) const;
  /// Throws std::invalid_argument for a size that the network cannot take.
  void check_size(const Stage& stage) const;
  /// Throws std::invalid_argument for another recipe than the one that resume_at() stood in.
  void check_resumed(const std::string& recipe) const;
  std::vector<StagePlan> plan(const Stages& stages, std::optional<double> seconds) const;
  void announce(void (Callback::*event)(Learner&, const Progress&));
  void begin_fit(const FitPlan& plan);
  bool is_over(const FitPlan& plan) const;
  void run_epoch(const FitPlan& plan);
  void train_epoch(const FitPlan& plan, EpochRecord& record);
  void train_batch(const FitPlan& plan, const TimedPass& pass);
  /// What this epoch's pass has taken, with what it took before an interruption.
  void note_times(const TimedPass& pass);
  /// Where the fit is with its `step`-th batch of the epoch, in at_; returns what the schedule says there.
  Hyper set_progress(const FitPlan& plan, std::int64_t step);
  void backward();
  std::string where() const;
  /// Makes the step that the gradients are for.
  void update(const Hyper& hyper);
  /// Sets at_.loss from at_.logits and at_.batch, whose images are of `dataset`, and returns its value.
  double compute_loss(const data::Dataset& dataset);
  void validate(EpochRecord& record);
  /// Loss and metrics over the validation images, in eval mode. Returns the seconds that it took; nothing without
  /// any.
  std::optional<double> measure(EpochRecord& record, Audience audience);
  Predictions predictions_of(const data::Loader& loader, std::int64_t epoch);
  torch::Tensor forward(const data::Batch& batch);
  void note_skipped(std::span<const data::SkippedImage> skipped);

  data::Loaders given_;    ///< to the learner
  data::Loaders loaders_;  ///< given_, or with images of a stage's size
  std::shared_ptr<model::Classifier> classifier_;
  torch::Device device_;
  model::Precision precision_;
  std::int64_t accumulate_;
  std::unique_ptr<BatchCopy> copy_;
  std::unique_ptr<Optimizer> optimizer_;
  metric::Metrics metrics_;
  TaskLoss loss_;
  TrainingLoss training_loss_;
  bool is_loss_replaced_ = false;
  TrainingLoss validation_loss_;
  std::optional<GradScaler> scaler_;
  std::vector<std::shared_ptr<Callback>> callbacks_;

  Progress at_;
  TrainingState training_state_;
  bool is_resuming_ = false;
  bool is_fitting_ = false;
  bool is_validating_ = false;
  std::int64_t pending_images_ = 0;  ///< whose gradients wait for their step
  PassTimes earlier_;                ///< of this epoch's pass, before an interruption
  FitTime time_;
  StepClock clock_;
};

}  // namespace margay::train
