#pragma once

#include <array>
#include <optional>
#include <tuple>
#include <utility>

#include "margay/core/options.h"
#include "margay/data/item.h"

namespace margay::train {

/// What training minimises. Auto is cross-entropy for one class a picture and binary cross-entropy for several labels.
/// Focal is, for several labels, the binary focal loss. Bce for one class asks "is it this one?" of every class
/// (Wightman et al., "ResNet strikes back", arXiv:2110.00476, §4): answers then rank the classes, but their softmax is
/// no longer a probability. Asymmetric is for several labels, cross_entropy and poly1 for one class.
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

  static constexpr const char* kName = "loss";
  static constexpr auto fields() {
    using O = LossOptions;
    return std::tuple{
        core::field("loss", &O::kind,
                    "what training minimises: auto, cross_entropy, focal, poly1, bce or asymmetric; auto is "
                    "cross_entropy, or bce for several labels"),
        core::field("label_smoothing", &O::label_smoothing,
                    "cross_entropy, poly1, bce: share of each target spread over all classes", {0, 1}),
        core::field("z_loss", &O::z_loss, "cross_entropy: factor of (log Σ exp z)², which keeps logits from drifting",
                    {0, 1e6}),
        core::field("focal_gamma", &O::focal_gamma, "focal: how much less an easy picture counts; 2 unless given",
                    {0, 100}),
        core::field("focal_alpha", &O::focal_alpha,
                    "focal, several labels: weight of ones, zeros weigh 1 - this; both 1 unless given", {0, 1}),
        core::field("poly1_epsilon", &O::poly1_epsilon,
                    "poly1: what is added to the first coefficient of its series; 1 unless given", {-1, 1e6}),
        core::field("asymmetric_gamma_pos", &O::asymmetric_gamma_pos,
                    "asymmetric: how much less an easy 1 counts; 1 unless given", {0, 100}),
        core::field("asymmetric_gamma_neg", &O::asymmetric_gamma_neg,
                    "asymmetric: how much less an easy 0 counts; 4 unless given", {0, 100}),
        core::field("asymmetric_clip", &O::asymmetric_clip,
                    "asymmetric: a 0 of at most this probability counts nothing; 0.05 unless given", {0, 1})};
  }
};

/// The loss that `kind` means for a task, never kAuto. Throws std::invalid_argument for one of the other task.
LossKind resolve_loss(LossKind kind, data::Task task);

/// Whether a loss takes targets that are of several classes in parts, as mixup and cutmix make them.
bool takes_soft_targets(LossKind kind);

/// Throws std::invalid_argument, naming the loss, for an option out of its range or of another loss, and for a loss of
/// the other task.
void check_loss(const LossOptions& options, data::Task task);

}  // namespace margay::train
