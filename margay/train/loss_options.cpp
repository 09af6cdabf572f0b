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
        "[loss] asymmetric is for pictures of several labels; for one class a picture there are cross_entropy, focal, "
        "poly1 and bce");
  }
  if (!is_single && (kind == kCrossEntropy || kind == kPoly1)) {
    throw std::invalid_argument(
        fmt::format("[loss] {} is for one class a picture; for several labels there are bce, focal and asymmetric",
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
        "[loss] focal_alpha has no meaning for focal with one class a picture; `balance` "
        "weights weighs classes");
  }
}

}  // namespace margay::train
