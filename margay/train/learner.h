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

#include "margay/collective/group.h"
#include "margay/core/options.h"
#include "margay/data/data_block.h"
#include "margay/data/loader/device_prefetcher.h"
#include "margay/data/source/known_images.h"
#include "margay/metric/metric.h"
#include "margay/model/classifier.h"
#include "margay/model/cpu_threads.h"
#include "margay/model/precision.h"
#include "margay/predict/inference.h"
#include "margay/predict/test_time_augmentation.h"
#include "margay/train/callback/callback.h"
#include "margay/train/micro_batch/micro_batches.h"
#include "margay/train/optim/optimizer.h"
#include "margay/train/optim/optimizer_options.h"
#include "margay/train/precision/grad_scaler.h"
#include "margay/train/progress.h"
#include "margay/train/recipe/recipes.h"
#include "margay/train/schedule/learning_rate.h"
#include "margay/train/schedule/schedule.h"
#include "margay/train/task_loss.h"
#include "margay/train/wish.h"

namespace margay::train {

struct LearnerOptions {
  OptimizerOptions optimizer;
  LossOptions loss;
  model::Precision precision = model::Precision::kAuto;
  std::string device = "auto";
  std::int64_t accumulate = 1;
  bool checkpoint_activations = false;
  MicroBatchOptions micro_batch;

  static const core::OptionTable& fields();
};

/// One fit: epochs, or seconds, under one schedule.
struct FitPlan {
  std::string stage = "fit";
  std::int64_t epochs = 1;
  HyperSchedule schedule;
  /// Train for this time instead, including validations; the schedule then follows the time.
  std::optional<double> seconds = std::nullopt;
};

/// Data, a network, an optimizer, and the training loop. It computes and announces events; it never prints. Between
/// fits the optimizer keeps its moments, as in fastai.
///
/// Callbacks may call the learner. A callback may call evaluate(), get_preds(), tta() or save() in any event without
/// changing a bit of the training, and `at` is restored after the call. Events go to the callbacks that were present
/// when the event began; a callback added or exchanged during an event gets the next one. Functions that would begin or
/// replace a training during a fit (fit and similar functions, train_only, run, resume_at, and with them lr_find and
/// load_checkpoint) throw std::invalid_argument and change nothing.
class Learner {
 public:
  /// Throws std::invalid_argument if there is no classifier or the classes do not match, for a device or precision that
  /// is not available, and for invalid options of the loss or the optimizer.
  Learner(data::Loaders loaders, std::shared_ptr<model::Classifier> classifier, const LearnerOptions& options = {});

  /// Trains as planned. Throws what callbacks throw, core::OutOfMemoryError if memory runs out, and DivergedError if
  /// the loss is not finite; the weights are then those of the last step. LibTorch's other errors are core::Error.
  /// After resume_at() it continues the interrupted fit, which must be of the same stage (std::invalid_argument).
  void fit(const FitPlan& plan);
  void fit(std::int64_t epochs, const HyperSchedule& schedule, const std::string& stage = "fit");
  /// Constant rates.
  void fit(std::int64_t epochs, const LearningRate& lr = 1e-3);
  /// Trains pass after pass, without validation, until a callback throws.
  void train_only(const HyperSchedule& schedule);
  /// Throws what run() would throw for a recipe that does not fit this network, without training.
  void check(const Stages& recipe) const;
  /// Trains the stages of a recipe one after another. A stage whose name occurred before gets a number after its name.
  /// After resume_at() it continues with the interrupted stage. seconds: if given, the stages share this time in
  /// proportion to their epochs, less what a probe took. A recipe that begins with a probe first computes it (probe(),
  /// with the loader's balance and images of the full size), which gives the history a record of its own, whose
  /// train_loss is that of the training images, each left out; in the stages after it batch norms keep their
  /// statistics. Throws as fit, hyper_schedule and probe.
  void run(const Stages& recipe, std::optional<double> seconds = std::nullopt);

  /// Raises every group's rate to `lr_max` and lowers it again; the momentum moves the other way (fastai's
  /// fit_one_cycle).
  void fit_one_cycle(std::int64_t epochs, const LearningRate& lr_max = 1e-3, const OneCycleShape& shape = {});
  /// Keeps the rates at `lr`, then lowers them along a cosine (fastai's fit_flat_cos).
  void fit_flat_cos(std::int64_t epochs, const LearningRate& lr = 1e-3, const FlatCosShape& shape = {});
  /// Lowers the rates along cosines with warm restarts (fastai's fit_sgdr).
  void fit_sgdr(const SgdrShape& shape, const LearningRate& lr_max = 1e-3);
  /// Trains first the head alone, then everything with discriminative rates from base_lr/2/lr_mult to base_lr/2
  /// (fastai's fine_tune). epochs: the number of unfrozen epochs.
  void fine_tune(std::int64_t epochs, const FineTuneOptions& options = {});

  void freeze();
  void unfreeze();
  /// Freezes the groups before `group`; a negative one is counted from the end. Batch norms of all groups keep
  /// training.
  void freeze_to(int group);

  /// Validation loss and metrics of the network as it is now, in the form of an epoch's record. Callbacks get no
  /// events, and the learner is not changed, except that unreadable images are recorded. The network's mode (train or
  /// eval) is restored, here and below. Throws std::invalid_argument during a validation, whose metrics would be lost.
  EpochRecord evaluate();
  /// The predictions for the validation set. Throws std::invalid_argument if there is none.
  predict::Predictions get_preds();
  /// The predictions of get_preds averaged with those of options.n augmented draws of every image (test-time
  /// augmentation, fastai's tta). The logits are those of the averaged probabilities.
  predict::Predictions tta(const predict::TtaOptions& options = {});

  /// Adds a callback. Callbacks receive events in the order in which they were added. Throws std::invalid_argument for
  /// null, and if another callback's state has the same name.
  void add_callback(std::shared_ptr<Callback> callback);
  /// Replaces the callbacks and returns the previous ones. Throws as add_callback, and then changes nothing.
  std::vector<std::shared_ptr<Callback>> exchange_callbacks(std::vector<std::shared_ptr<Callback>> callbacks);
  /// Throws std::invalid_argument for null among them.
  void set_metrics(metric::Metrics metrics);
  /// Sets the weight of each class in the training loss (data::class_weights); empty: all equal. Validation stays
  /// unweighted, so that runs can be compared. Throws std::invalid_argument if the number of weights is not that of the
  /// classes, and for a loss that has no class weights.
  void set_class_weights(std::vector<double> weights);
  /// Sets the training loss, such as Distillation, in place of LearnerOptions::loss. Throws std::invalid_argument for
  /// an empty one.
  void set_training_loss(TrainingLoss loss);
  /// The loss of the options, with the class weights.
  const TaskLoss& loss() const { return loss_; }
  /// Sets the loss scaler for the small range of fp16. Learners with that precision have one from the start.
  void set_grad_scaler(GradScaler scaler) { scaler_ = scaler; }
  std::optional<GradScaler>& grad_scaler() { return scaler_; }
  const metric::Metrics& metrics() const { return metrics_; }
  /// A result of the newest epoch, by the name of its metric: metric_value("error_rate"). Throws std::invalid_argument,
  /// which lists all metrics, for an unknown one, and before the first epoch.
  double metric_value(const std::string& name) const;
  /// Multiplies all learning rates of the schedule from the next step on, for rules that depend on the results. Throws
  /// std::invalid_argument unless positive.
  void set_lr_factor(double factor);
  double lr_factor() const { return training_state_.lr_factor; }
  /// The folder in which a recipe's probe looks for features and keeps them (predict::FeatureCache), those of all
  /// images or none, so that a run that was interrupted in its probe goes on to the same bits; "": nowhere.
  void set_feature_cache(std::filesystem::path folder) { feature_cache_ = std::move(folder); }
  /// Sets the processes that train together; one alone from the start. Each computes its micro-batches of every batch
  /// (LearnerOptions::micro_batch), and all then make the same step: they have the same weights, history and decisions,
  /// and any of them can write a checkpoint. Throws std::invalid_argument for null, during a fit, where the processes
  /// do not divide the micro-batches, and for batches of less than two images for each micro-batch.
  void set_group(std::shared_ptr<collective::Group> group);
  /// As this learner uses it; micro_batches is 1 where batches are not divided.
  const MicroBatchOptions& micro_batch() const { return micro_batch_; }
  /// While it lives, networks compute with the threads of a micro-batch, so that the bits are those of any process;
  /// null where batches are not divided.
  std::unique_ptr<model::ThreadCount> micro_batch_threads() const;
  /// Throws std::invalid_argument, in all processes alike, which names what differs: seed, images, labels, transforms,
  /// options of the training, or the weights.
  void check_same_in_all() const;
  collective::Group& group() const { return *group_; }
  /// Whether it is so in any process of the group. Every decision on how the loop goes on is taken here, so that all
  /// processes take the same one: skip a batch, stop, time is up, non-finite numbers, save a checkpoint.
  bool agree(bool mine) const { return collective::any_of(*group_, mine); }
  /// In after_batch: whether the callbacks of any process have wanted it (Callback::wants), the same in all. mine: what
  /// this process wants, which is all that counts where there is no other.
  bool is_wanted(Wish wish, bool mine) const {
    return group_->size() == 1 ? mine : wanted_[static_cast<std::size_t>(wish)];
  }
  /// Ends the current fit after the current step.
  void cancel_fit() { training_state_.is_cancelled = true; }

  std::size_t num_groups() const { return optimizer_->num_groups(); }
  /// A pass loads what this process computes of its batches.
  const data::Loaders& loaders() const { return loaders_; }
  /// The loaders that the learner was made with, independent of the image size of a stage; passes load everything.
  const data::Loaders& given_loaders() const { return given_; }
  const std::string& architecture() const { return classifier_->options().architecture; }
  /// The number of batches whose gradients make one step of the optimizer.
  std::int64_t accumulate() const { return accumulate_; }
  model::Classifier& classifier() { return *classifier_; }
  Optimizer& optimizer() { return *optimizer_; }
  /// The precision in use, never kAuto.
  model::Precision precision() const { return precision_; }
  torch::Device device() const { return device_; }
  const std::vector<EpochRecord>& history() const { return training_state_.history; }
  const std::vector<StepRecord>& steps() const { return training_state_.steps; }
  /// The number of training passes begun, over all fits. The loaders use it as their epoch, which determines the random
  /// draws of the next pass.
  std::int64_t passes() const { return training_state_.passes; }
  /// The images skipped so far because they could not be read, each once.
  const std::vector<data::SkippedImage>& skipped() const { return training_state_.skipped; }

  /// The state of training. It lies between two steps of the optimizer if has_pending_gradients() is false.
  const TrainingState& training_state() const { return training_state_; }
  /// Makes the next fit continue from this state. The caller restores model, optimizer and generators (Snapshot).
  void resume_at(TrainingState state);
  bool is_resuming() const { return is_resuming_; }
  /// Whether a fit is running, that is, whether the caller is a callback.
  bool is_fitting() const { return is_fitting_; }
  /// Makes the next fit start from the beginning, even after resume_at().
  void begin_anew() { is_resuming_ = false; }
  /// Discards the gradients of an incomplete step.
  void drop_gradients();
  /// Whether there are gradients of an incomplete step, which waits for more batches (LearnerOptions::accumulate).
  bool has_pending_gradients() const { return pending_images_ > 0; }
  const std::vector<std::shared_ptr<Callback>>& callbacks() const { return callbacks_; }

  /// Writes the trained classifier with its classes, its transforms and the memory of its images (data::KnownImages) to
  /// one portable file. unread: kRead reads the files that no loader has read so far, as those that a cache on disk
  /// spared it. Throws core::IoError.
  void save(const std::filesystem::path& path,
            const nlohmann::ordered_json& provenance = nlohmann::ordered_json::object(),
            data::Unread unread = data::Unread::kLeave);

 private:
  struct StagePlan;
  /// The first stage of a recipe that begins with a probe.
  void run_probe(const std::string& stage);
  EpochRecord record_of(const Probe& probe, const std::string& stage);
  /// What the stages after a probe may still take.
  std::optional<double> without_probe(std::optional<double> seconds, const Stages& recipe) const;
  enum class Audience { kCallbacks, kNobody };
  /// Throws std::invalid_argument during a fit, which `what` would disturb.
  void refuse_within_fit(const char* what) const;
  /// Throws std::invalid_argument for a size that the network cannot take.
  void check_size(const Stage& stage) const;
  void check_eval_size() const;
  /// Throws std::invalid_argument for a recipe other than that of resume_at().
  void check_resumed(const std::string& recipe) const;
  std::vector<StagePlan> plan(const Stages& stages, std::optional<double> seconds) const;
  void announce(void (Callback::*event)(Learner&, const Progress&));
  void begin_fit(const FitPlan& plan);
  bool is_over(const FitPlan& plan) const;
  void run_epoch(const FitPlan& plan);
  void train_epoch(const FitPlan& plan, EpochRecord& record);
  void train_batch(const FitPlan& plan, const data::TimedPass& pass);
  /// The next batch, of which this process may have no images; nothing at the end of the pass.
  std::optional<data::Batch> next_batch(data::TimedPass& pass);
  /// Forward and backward of at_.batch; returns its loss.
  double compute_gradients();
  /// The same in micro-batches, over all processes. Nothing if no process could read two images.
  std::optional<double> compute_micro_gradients(bool completes_step);
  /// What the callbacks of this process want.
  Wishes wishes() const;
  /// Throws DivergedError, in all processes, where the batch's loss is not finite.
  void take_losses(const MicroLoss& batch, const std::vector<MicroForward>& own);
  void pass_over_batch(bool completes_step, const Hyper& hyper);
  /// The images that all processes have trained on in this pass.
  std::int64_t images_of(const data::TimedPass& pass) const;
  data::Loaders shared_out(data::Loaders loaders) const;
  /// Records the times of this epoch's pass, including those before an interruption.
  void note_times(const data::TimedPass& pass);
  /// Sets at_ to the `step`-th batch of the epoch and returns the schedule's hyperparameters there.
  Hyper set_progress(const FitPlan& plan, std::int64_t step);
  void backward();
  std::string where() const;
  std::string first_layer_of(const data::Batch& batch);
  /// Makes one step of the optimizer with the gathered gradients.
  void update(const Hyper& hyper);
  /// Computes at_.loss from at_.logits and at_.batch, whose images are from `dataset`, and returns its value.
  double compute_loss(const data::Dataset& dataset);
  void validate(EpochRecord& record);
  /// Computes loss and metrics over the validation set, in eval mode. Returns the seconds it took, or nothing without a
  /// validation set.
  std::optional<double> measure(EpochRecord& record, Audience audience);
  /// The same where batches are divided: each process computes some of the batches, and all see the results of all.
  predict::PassSummary measure_together(const predict::BatchVisitor& visit, predict::InputMeter& inputs);
  void measure_inputs(const torch::Tensor& images, const torch::Tensor& logits, predict::InputMeter& inputs) const;
  /// Options of the passes that do not train.
  predict::InferenceOptions inference() const;
  /// All validation images. Throws std::invalid_argument, naming the caller, if there are none.
  data::Loader valid_loader(const char* caller) const;
  torch::Tensor forward(const data::Batch& batch);
  void note_skipped(std::span<const data::SkippedImage> skipped);
  /// Those that other processes skipped, too.
  void share_skipped();
  void check_same_weights(const char* when) const;

  data::Loaders given_;    ///< the loaders given to the learner
  data::Loaders loaders_;  ///< given_, or with images of a stage's size, of which this process has its share
  std::shared_ptr<model::Classifier> classifier_;
  torch::Device device_;
  model::Precision precision_;
  std::int64_t accumulate_;
  std::unique_ptr<data::BatchCopy> copy_;
  std::unique_ptr<Optimizer> optimizer_;
  metric::Metrics metrics_;
  TaskLoss loss_;
  TrainingLoss training_loss_;
  bool is_loss_replaced_ = false;
  TrainingLoss validation_loss_;
  std::optional<GradScaler> scaler_;
  std::vector<std::shared_ptr<Callback>> callbacks_;
  std::shared_ptr<collective::Group> group_ = collective::one_process();
  MicroBatchOptions wanted_micro_batch_;
  MicroBatchOptions micro_batch_;        ///< resolved
  std::unique_ptr<MicroBatches> micro_;  ///< null where batches are not divided
  std::int64_t pass_images_ = 0;         ///< that all processes have trained on in this pass
  std::int64_t pass_batch_ = 0;          ///< the next one of this pass
  Wishes wanted_ = {};                   ///< by any process, when results were last shared

  Progress at_;
  TrainingState training_state_;
  bool is_resuming_ = false;
  bool is_fitting_ = false;
  bool is_validating_ = false;
  std::filesystem::path feature_cache_;
  bool keeps_norm_statistics_ = false;  ///< of the batch norms, since a probe's head was fitted to them
  std::int64_t pending_images_ = 0;     ///< images whose gradients wait for a step
  PassTimes earlier_;                   ///< of this epoch's pass, before an interruption
  FitTime time_;
  StepClock clock_;
};

}  // namespace margay::train
