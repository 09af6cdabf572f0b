#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_set>
#include <vector>

#include <nlohmann/json.hpp>

#include "margay/core/options.h"
#include "margay/data/data_block.h"
#include "margay/metric/metric.h"
#include "margay/metric/test_time_augmentation.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "margay/train/batch_copy.h"
#include "margay/train/callback/callback.h"
#include "margay/train/optim/optimizer.h"
#include "margay/train/recipe_options.h"
#include "margay/train/schedule/hyper_schedule.h"
#include "margay/train/schedule/learning_rate.h"
#include "margay/train/smooth_loss.h"

namespace margay::train {

struct LearnerOptions {
  double wd = 0.01;
  model::Precision precision = model::Precision::kAuto;
  std::string device = "auto";

  static constexpr const char* kName = "learner";
  static constexpr auto fields() {
    return std::tuple{
        core::field("wd", &LearnerOptions::wd, "weight decay; none on batch norms and biases", {0, 1}),
        core::field("precision", &LearnerOptions::precision,
                    "auto, fp32, bf16 or fp16; auto is bf16 where the processor computes it"),
        core::field("device", &LearnerOptions::device, "auto, cpu, cuda or cuda:N; auto is cuda where there is one")};
  }
};

/// What a model says of a data set; rows are the pictures that could be read, in the data's order.
struct Predictions {
  torch::Tensor logits;          ///< float [N,K]
  torch::Tensor targets;         ///< int64 [N]; float [N,K] for multi-label
  torch::Tensor losses;          ///< float [N]
  std::vector<std::size_t> ids;  ///< [N], positions in the data set
  std::vector<data::SkippedPicture> skipped;
};

using metric::TtaOptions;

/// Data, a network and an optimizer, and the loop that brings them together. It computes and announces events;
/// it never prints. Between fits the optimizer remembers its moments, as fastai's does.
class Learner {
 public:
  /// Throws std::invalid_argument when classes do not match, or for a device or precision that is not there.
  Learner(data::Loaders loaders, std::shared_ptr<model::Classifier> classifier, const LearnerOptions& options = {});

  /// Runs `epochs` epochs under a schedule. Throws what callbacks throw, and DivergedError when the loss is no finite
  /// number; weights are then those of the last step.
  void fit(std::int64_t epochs, const HyperSchedule& schedule, const std::string& stage = "fit");
  /// Constant rates.
  void fit(std::int64_t epochs, const LearningRate& lr = 1e-3);

  /// Every group's rate up to `lr_max` and down again, momentum the other way (fastai's fit_one_cycle).
  void fit_one_cycle(std::int64_t epochs, const LearningRate& lr_max = 1e-3, const OneCycleShape& shape = {});
  /// First the head alone, then everything with discriminative rates from base_lr/2/lr_mult to base_lr/2
  /// (fastai's fine_tune). epochs counts the unfrozen ones.
  void fine_tune(std::int64_t epochs, const FineTuneOptions& options = {});

  void freeze();
  void unfreeze();
  /// Trains the groups from `group` on; batch norms of all groups go on training.
  void freeze_to(int group);

  /// Logits, losses and targets over the validation pictures. Throws std::invalid_argument when there are none.
  Predictions get_preds();
  /// get_preds averaged with options.n draws of every picture: test-time augmentation, fastai's tta. The logits are
  /// those of the averaged probabilities.
  Predictions tta(const TtaOptions& options = {});

  void add_callback(std::shared_ptr<Callback> callback) { callbacks_.push_back(std::move(callback)); }
  void set_metrics(metric::Metrics metrics) { metrics_ = std::move(metrics); }
  /// How much each class counts in the training loss (data::class_weights); empty: all alike. Validation stays
  /// unweighted, so that runs compare. Throws std::invalid_argument for another number of weights than classes.
  void set_class_weights(std::vector<double> weights);
  const metric::Metrics& metrics() const { return metrics_; }
  /// Multiplies all learning rates from the next step on, whatever the schedule: for rules that watch the results.
  /// Throws std::invalid_argument unless positive.
  void set_lr_factor(double factor);
  double lr_factor() const { return lr_factor_; }
  /// Ends the current fit after the step that is under way.
  void cancel_fit() { is_cancelled_ = true; }

  std::size_t num_groups() const { return optimizer_->num_groups(); }
  const data::Loaders& loaders() const { return loaders_; }
  model::Classifier& classifier() { return *classifier_; }
  Optimizer& optimizer() { return *optimizer_; }
  /// The precision in use, never kAuto.
  model::Precision precision() const { return precision_; }
  torch::Device device() const { return device_; }
  const std::vector<EpochRecord>& history() const { return history_; }
  const std::vector<StepRecord>& steps() const { return steps_; }
  /// Training passes begun so far, over all fits: the epoch that the loaders see, which decides what the next one
  /// draws.
  std::int64_t passes() const { return passes_; }
  /// Draws from here on as after so many. Throws std::invalid_argument for a negative number.
  void set_passes(std::int64_t passes);
  /// Pictures left out so far because they could not be read, each once.
  const std::vector<data::SkippedPicture>& skipped() const { return skipped_; }

  /// The trained classifier with its classes and transforms as one portable file. Throws core::IoError.
  void save(const std::filesystem::path& path,
            const nlohmann::ordered_json& provenance = nlohmann::ordered_json::object());

 private:
  class Pass;  ///< one walk over a loader, with its clock

  void announce(void (Callback::*event)(Learner&, const Progress&));
  void train_epoch(const HyperSchedule& schedule, EpochRecord& record);
  void train_batch(const HyperSchedule& schedule);
  /// Sets at_.loss from at_.logits and at_.batch, whose pictures are of `dataset`, and returns its value.
  double compute_loss(const data::Dataset& dataset);
  void validate(EpochRecord& record);
  Predictions predictions_of(const data::Loader& loader, std::int64_t epoch);
  torch::Tensor forward(const data::Batch& batch);
  void note_skipped(const std::vector<data::SkippedPicture>& skipped);

  data::Loaders loaders_;
  std::shared_ptr<model::Classifier> classifier_;
  torch::Device device_;
  model::Precision precision_;
  std::unique_ptr<BatchCopy> copy_;
  std::unique_ptr<Optimizer> optimizer_;
  metric::Metrics metrics_;
  std::vector<double> class_weights_;
  std::vector<std::shared_ptr<Callback>> callbacks_;

  Progress at_;
  SmoothLoss smooth_loss_;
  bool is_cancelled_ = false;
  double lr_factor_ = 1;
  std::int64_t passes_ = 0;
  std::vector<EpochRecord> history_;
  std::vector<StepRecord> steps_;
  std::vector<data::SkippedPicture> skipped_;
  std::unordered_set<std::string> skipped_problems_;  ///< of them all, which name the files
};

/// "auto", "cpu", "cuda" or "cuda:N". Throws std::invalid_argument for another word or a device that is not there.
torch::Device find_device(const std::string& name);

}  // namespace margay::train
