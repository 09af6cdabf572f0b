#include "margay/interpret/sigmoid_xray.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/loss/activation.h"
#include "margay/loss/binary_cross_entropy.h"

namespace margay::interpret {
namespace {

/// The loss of each class. z, t: [1,K].
torch::Tensor losses_of(const torch::Tensor& z, const torch::Tensor& t) {
  return loss::binary_cross_entropy_with_logits(z, t, {.reduction = loss::Reduction::kNone});
}

/// Of parts, where the sum overflows.
torch::Tensor mean_loss(const torch::Tensor& losses) {
  const torch::Tensor whole = losses.mean();
  return std::isfinite(whole.item<double>()) ? whole : (losses / losses.numel()).sum();
}

std::vector<SigmoidTerm> sigmoid_terms_of(const torch::Tensor& z, const std::vector<std::string>& names) {
  const std::vector<double> activation = numbers_of(z);
  const std::vector<double> probability = numbers_of(loss::sigmoid(z));
  const std::vector<double> if_yes = numbers_of(losses_of(z, torch::ones_like(z, torch::kBool)));
  const std::vector<double> if_no = numbers_of(losses_of(z, torch::zeros_like(z, torch::kBool)));
  std::vector<SigmoidTerm> terms(names.size());
  for (std::size_t k = 0; k < terms.size(); ++k) {
    terms[k] = {.name = names[k],
                .activation = activation[k],
                .probability = probability[k],
                .loss_if_yes = if_yes[k],
                .loss_if_no = if_no[k]};
  }
  return terms;
}

void add_sigmoid_target(const torch::Tensor& z, const torch::Tensor& t, double step, SigmoidRow& row) {
  const torch::Tensor leaf = z.detach().clone().set_requires_grad(true);
  const torch::Tensor loss = mean_loss(losses_of(leaf, t));
  loss.backward();
  const torch::Tensor after = mean_loss(losses_of(z - step * leaf.grad(), t));
  const std::vector<double> is_there = numbers_of(t);
  const std::vector<double> gradient = numbers_of(leaf.grad());
  std::vector<double> losses;
  for (std::size_t k = 0; k < row.classes.size(); ++k) {
    SigmoidTerm& term = row.classes[k];
    term.is_there = is_there[k] != 0;
    term.gradient = gradient[k];
    term.loss = term.is_there ? term.loss_if_yes : term.loss_if_no;
    losses.push_back(term.loss);
  }
  const std::vector<double> shares = shares_of(losses);
  for (std::size_t k = 0; k < row.classes.size(); ++k) row.classes[k].share = shares[k];
  const auto heaviest = std::max_element(losses.begin(), losses.end()) - losses.begin();
  row.target = SigmoidTarget{.loss = loss.item<double>() + 0.0,
                             .loss_after_step = after.item<double>() + 0.0,
                             .heaviest = static_cast<std::size_t>(heaviest)};
}

/// bool [N,K], or undefined as it came.
torch::Tensor checked_sigmoid_targets(const torch::Tensor& targets, const torch::Tensor& logits) {
  if (!targets.defined()) return targets;
  if (targets.sizes() != logits.sizes()) {
    throw std::invalid_argument(
        fmt::format("[sigmoid_xray] targets must be 0 or 1 for each class, [{},{}]", logits.size(0), logits.size(1)));
  }
  const torch::Tensor numbers = targets.to(torch::kCPU, torch::kDouble);
  if (!numbers.eq(0).logical_or(numbers.eq(1)).all().item<bool>()) {
    throw std::invalid_argument("[sigmoid_xray] targets must be 0 or 1");
  }
  return numbers.to(torch::kBool);
}

}  // namespace

SigmoidXray sigmoid_xray(const torch::Tensor& logits, const torch::Tensor& targets, const XrayOptions& options) {
  const XrayInput input("sigmoid_xray", logits, options);
  const torch::Tensor checked = checked_sigmoid_targets(targets, input.logits);
  SigmoidXray xray{.step = options.step, .rows = {}, .summary = {}};
  std::vector<RowLoss> losses;
  for (std::int64_t i = 0; i < input.logits.size(0); ++i) {
    const torch::Tensor z = input.logits.narrow(0, i, 1);  // [1,K]
    const std::string& name = input.row_names[static_cast<std::size_t>(i)];
    SigmoidRow& row = xray.rows.emplace_back(SigmoidRow{name, sigmoid_terms_of(z, input.class_names), {}});
    if (!checked.defined()) continue;
    add_sigmoid_target(z, checked.narrow(0, i, 1), options.step, row);
    losses.push_back({row.name, row.target->loss});
  }
  xray.summary = summarize(losses);
  return xray;
}

}  // namespace margay::interpret
