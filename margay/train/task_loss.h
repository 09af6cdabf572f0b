#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/core/options.h"
#include "margay/data/item.h"
#include "margay/data/loader/batch.h"
#include "margay/data/transform/mix.h"

namespace margay::train {

/// The training loss. Auto is cross-entropy for one class per image and binary cross-entropy for several labels. Focal
/// means the binary focal loss for several labels. Bce for one class treats each class as a yes-no question (Wightman
/// et al., "ResNet strikes back", arXiv:2110.00476, §4): predictions still rank the classes, but their softmax is no
/// longer a probability. Asymmetric is for several labels, cross_entropy and poly1 are for one class.
enum class LossKind { kAuto, kCrossEntropy, kFocal, kPoly1, kBce, kAsymmetric };

constexpr auto names(LossKind /*tag*/) {
  return std::array{std::pair{LossKind::kAuto, "auto"},   std::pair{LossKind::kCrossEntropy, "cross_entropy"},
                    std::pair{LossKind::kFocal, "focal"}, std::pair{LossKind::kPoly1, "poly1"},
                    std::pair{LossKind::kBce, "bce"},     std::pair{LossKind::kAsymmetric, "asymmetric"}};
}

/// The key of `kind` is `loss`, since flags share one name space. Absent values are the loss's own defaults.
struct LossOptions {
  LossKind kind = LossKind::kAuto;
  std::optional<double> label_smoothing;
  std::optional<double> z_loss;
  std::optional<double> focal_gamma;
  std::optional<double> focal_alpha;
  std::optional<double> poly1_epsilon;
  std::optional<double> asymmetric_gamma_pos;
  std::optional<double> asymmetric_gamma_neg;
  std::optional<double> asymmetric_clip;

  static const core::OptionTable& fields();
};

/// The loss that `kind` means for a task, never kAuto. Throws std::invalid_argument for a loss of the other task.
LossKind resolve_loss(LossKind kind, data::Task task);

/// Whether a loss accepts soft targets, as mixup and cutmix make them.
bool takes_soft_targets(LossKind kind);

/// Throws std::invalid_argument, naming the loss, for an option out of its range or of another loss, and for a loss of
/// the other task.
void check_loss(const LossOptions& options, data::Task task);

/// The loss that training minimises, and the losses that the history shows.
///
/// mean() is the chosen loss with its weights and smoothing. The history, validation, and the loss of each image use
/// the task's plain loss: cross-entropy for one class of K, binary cross-entropy over all classes for any number of
/// labels. (fastai validates with the training loss. Here runs with different losses, smoothings and weights can be
/// compared by their valid_loss, which is a negative log-likelihood, and the loss X-ray explains its sum over images.
/// If training minimises another loss, a metric may tell more.)
struct TaskLoss {
  data::Task task = data::Task::kSingleLabel;
  /// The weight of each class, or for multi-label of its ones; empty: all equal.
  std::vector<double> class_weights = {};
  LossOptions options = {};

  /// Throws std::invalid_argument as check_loss does, for class weights if the loss has none, and for mixing if it
  /// takes no soft targets: everything that mean() would throw later, except for faults of the data.
  void check(data::MixMethod mix = data::MixMethod::kNone) const;

  /// logits: float [N,K]; targets: int64 [N], or float [N,K]. Result: a scalar, the training loss.
  /// Throws as margay/loss does.
  torch::Tensor mean(const torch::Tensor& logits, const torch::Tensor& targets) const;
  /// The task's plain loss of each image, without weights and options, float [N]. For multi-label it is the mean over
  /// the classes.
  torch::Tensor of_each(const torch::Tensor& logits, const torch::Tensor& targets) const;
};

/// A training loss that may need more than the targets. logits: float [N,K] of the batch's images. Result: a scalar.
using TrainingLoss = std::function<torch::Tensor(const torch::Tensor& logits, const data::Batch& batch)>;

/// The mean loss of the batch's targets.
inline TrainingLoss training_loss(TaskLoss loss) {
  return [loss = std::move(loss)](const torch::Tensor& logits, const data::Batch& batch) {
    return loss.mean(logits, batch.targets);
  };
}

/// Training produced non-finite numbers. The weights are still those from before the step.
class DivergedError : public core::Error {
 public:
  using core::Error::Error;
};

/// The mean loss of a batch. logits: float [N,K]. Throws core::DataError, which names the image, for a target that is
/// not a class.
torch::Tensor batch_loss(const TrainingLoss& loss, const torch::Tensor& logits, const data::Batch& batch,
                         const data::Dataset& dataset);

/// Throws DivergedError unless the loss is finite. The message names the step and the images whose logits are not
/// finite. `when` goes into the message, such as "step 3 of epoch 1". `find_layer` returns the layer where the network
/// went wrong; it is only called if the logits are not finite, and may be empty.
void check_finite(double loss, const torch::Tensor& logits, const data::Batch& batch, const data::Dataset& dataset,
                  const std::string& when, const std::function<std::string()>& find_layer = {});

/// Throws DivergedError unless the norm of the gradients is finite. A finite loss may have non-finite gradients, and a
/// step along them would ruin every weight. Names the batch's images.
void check_gradients(double norm, const data::Batch& batch, const data::Dataset& dataset, const std::string& when);

}  // namespace margay::train
