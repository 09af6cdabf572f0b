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

/// What training minimises. Auto is cross-entropy for one class an image and binary cross-entropy for several labels.
/// Focal is, for several labels, the binary focal loss. Bce for one class asks "is it this one?" of every class
/// (Wightman et al., "ResNet strikes back", arXiv:2110.00476, §4): predictions then rank the classes, but their softmax
/// is no longer a probability. Asymmetric is for several labels, cross_entropy and poly1 for one class.
enum class LossKind { kAuto, kCrossEntropy, kFocal, kPoly1, kBce, kAsymmetric };

constexpr auto names(LossKind /*tag*/) {
  return std::array{std::pair{LossKind::kAuto, "auto"},   std::pair{LossKind::kCrossEntropy, "cross_entropy"},
                    std::pair{LossKind::kFocal, "focal"}, std::pair{LossKind::kPoly1, "poly1"},
                    std::pair{LossKind::kBce, "bce"},     std::pair{LossKind::kAsymmetric, "asymmetric"}};
}

/// The key of kind is `loss`, as flags have one name space. What is not given is the loss's own default.
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

/// The loss that `kind` means for a task, never kAuto. Throws std::invalid_argument for one of the other task.
LossKind resolve_loss(LossKind kind, data::Task task);

/// Whether a loss takes targets that are of several classes in parts, as mixup and cutmix make them.
bool takes_soft_targets(LossKind kind);

/// Throws std::invalid_argument, naming the loss, for an option out of its range or of another loss, and for a loss of
/// the other task.
void check_loss(const LossOptions& options, data::Task task);

/// What training minimises, and what the history shows of it.
///
/// mean() is the chosen loss with its weights and smoothing. The history, validation, and the loss of each image are
/// the task's own loss whatever is trained with: cross-entropy for one class of K, binary cross-entropy over every
/// class where an image may be of several or of none. (fastai validates with the training loss. Here runs with
/// different losses, smoothings and weights can be compared by their valid_loss, it is a negative log-likelihood, and
/// its sum over images is what the loss X-ray explains. Where it is not what training minimises, a metric may say
/// more.)
struct TaskLoss {
  data::Task task = data::Task::kSingleLabel;
  /// How much each class counts, or for multi-label its ones; empty: all alike.
  std::vector<double> class_weights = {};
  LossOptions options = {};

  /// Throws std::invalid_argument as check_loss does, for class weights where the loss knows none, and for mixing where
  /// it takes no soft targets: all that mean() would throw later but what the data itself is guilty of.
  void check(data::MixMethod mix = data::MixMethod::kNone) const;

  /// logits: float [N,K]; targets: int64 [N], or float [N,K]. Result: a scalar, what training minimises.
  /// Throws as margay/loss does.
  torch::Tensor mean(const torch::Tensor& logits, const torch::Tensor& targets) const;
  /// The task's own loss for each image, without weights and options, float [N]. For multi-label the mean over the
  /// classes.
  torch::Tensor of_each(const torch::Tensor& logits, const torch::Tensor& targets) const;
};

/// What a training pass minimises, where that takes more than the targets. logits: float [N,K] of the batch's images.
/// Result: a scalar.
using TrainingLoss = std::function<torch::Tensor(const torch::Tensor& logits, const data::Batch& batch)>;

/// The mean loss of the batch's targets.
inline TrainingLoss training_loss(TaskLoss loss) {
  return [loss = std::move(loss)](const torch::Tensor& logits, const data::Batch& batch) {
    return loss.mean(logits, batch.targets);
  };
}

/// Training ran into non-finite numbers. The weights are still those from before the step.
class DivergedError : public core::Error {
 public:
  using core::Error::Error;
};

/// The mean loss of a batch. logits: float [N,K]. Throws core::DataError naming the image whose target is no class.
torch::Tensor batch_loss(const TrainingLoss& loss, const torch::Tensor& logits, const data::Batch& batch,
                         const data::Dataset& dataset);

/// Throws DivergedError unless the loss is finite: says at which step, and names the images whose logits are not.
/// `when` is put into the message, as "step 3 of epoch 1"; and what `find_layer` returns, the layer where the network
/// went wrong, which is only asked for when its outputs are not finite. It may be empty.
void check_finite(double loss, const torch::Tensor& logits, const data::Batch& batch, const data::Dataset& dataset,
                  const std::string& when, const std::function<std::string()>& find_layer = {});

/// Throws DivergedError unless the norm of the gradients is finite: a finite loss may still have gradients that are
/// not, and a step along them would ruin every weight. Names the batch's images.
void check_gradients(double norm, const data::Batch& batch, const data::Dataset& dataset, const std::string& when);

}  // namespace margay::train
