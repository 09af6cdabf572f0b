#pragma once

#include <array>
#include <optional>
#include <utility>

#include "margay/core/options.h"
#include "margay/data/item.h"

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

}  // namespace margay::train
