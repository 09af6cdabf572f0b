#include "margay/train/loss_options.h"

#include <algorithm>
#include <initializer_list>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::train {
namespace {

using enum LossKind;

/// Throws if the option is given and the loss is none of those it belongs to.
void check_belongs(const char* option, const std::optional<double>& value, LossKind kind,
                   std::initializer_list<LossKind> owners) {
  if (!value || std::find(owners.begin(), owners.end(), kind) != owners.end()) return;
  throw std::invalid_argument(fmt::format("[loss] {} has no meaning for {}; leave it out, or choose another loss",
                                          option, core::to_text(kind)));
}

}  // namespace

LossKind resolve_loss(LossKind kind, data::Task task) {
  const bool is_single = task == data::Task::kSingleLabel;
  if (kind == kAuto) return is_single ? kCrossEntropy : kBce;
  if (is_single && kind == kAsymmetric) {
    throw std::invalid_argument(
        "[loss] asymmetric is for images of several labels; for one class an image there are cross_entropy, focal, "
        "poly1 and bce");
  }
  if (!is_single && (kind == kCrossEntropy || kind == kPoly1)) {
    throw std::invalid_argument(
        fmt::format("[loss] {} is for one class an image; for several labels there are bce, focal and asymmetric",
                    core::to_text(kind)));
  }
  return kind;
}

bool takes_soft_targets(LossKind kind) { return kind != kFocal && kind != kPoly1; }

void check_loss(const LossOptions& options, data::Task task) {
  core::validate(options);
  const LossKind kind = resolve_loss(options.kind, task);
  check_belongs("label_smoothing", options.label_smoothing, kind, {kCrossEntropy, kPoly1, kBce});
  check_belongs("z_loss", options.z_loss, kind, {kCrossEntropy});
  check_belongs("focal_gamma", options.focal_gamma, kind, {kFocal});
  check_belongs("focal_alpha", options.focal_alpha, kind, {kFocal});
  check_belongs("poly1_epsilon", options.poly1_epsilon, kind, {kPoly1});
  check_belongs("asymmetric_gamma_pos", options.asymmetric_gamma_pos, kind, {kAsymmetric});
  check_belongs("asymmetric_gamma_neg", options.asymmetric_gamma_neg, kind, {kAsymmetric});
  check_belongs("asymmetric_clip", options.asymmetric_clip, kind, {kAsymmetric});
  if (options.focal_alpha && task == data::Task::kSingleLabel) {
    throw std::invalid_argument(
        "[loss] focal_alpha has no meaning for focal with one class an image; `balance` "
        "weights weighs classes");
  }
}

const core::OptionTable& LossOptions::fields() {
  using O = LossOptions;
  static const core::OptionTable table(
      "loss",
      {core::field<&O::kind>("loss",
                             "what training minimises: auto, cross_entropy, focal, poly1, bce or asymmetric; auto is "
                             "cross_entropy, or bce for several labels"),
       core::field<&O::label_smoothing>(
           "label_smoothing", "cross_entropy, poly1, bce: share of each target spread over all classes", {0, 1}),
       core::field<&O::z_loss>("z_loss", "cross_entropy: factor of (log Σ exp z)², which keeps logits from drifting",
                               {0, 1e6}),
       core::field<&O::focal_gamma>("focal_gamma", "focal: how much less an easy image counts; 2 unless given",
                                    {0, 100}),
       core::field<&O::focal_alpha>(
           "focal_alpha", "focal, several labels: weight of ones, zeros weigh 1 - this; both 1 unless given", {0, 1}),
       core::field<&O::poly1_epsilon>(
           "poly1_epsilon", "poly1: what is added to the first coefficient of its series; 1 unless given", {-1, 1e6}),
       core::field<&O::asymmetric_gamma_pos>("asymmetric_gamma_pos",
                                             "asymmetric: how much less an easy 1 counts; 1 unless given", {0, 100}),
       core::field<&O::asymmetric_gamma_neg>("asymmetric_gamma_neg",
                                             "asymmetric: how much less an easy 0 counts; 4 unless given", {0, 100}),
       core::field<&O::asymmetric_clip>("asymmetric_clip",
                                        "asymmetric: a 0 of at most this probability counts nothing; 0.05 unless given",
                                        {0, 1})});
  return table;
}

}  // namespace margay::train
