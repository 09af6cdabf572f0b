#include "margay/interpret/xray.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/loss/activation.h"
#include "margay/loss/binary_cross_entropy.h"
#include "margay/loss/cross_entropy.h"

namespace margay::interpret {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// z: [1,K]. The loss and, in `gradient` if given, its derivative by z.
double loss_of(const torch::Tensor& z, std::int64_t target, torch::Tensor* gradient = nullptr) {
  const torch::Tensor leaf = z.detach().clone().set_requires_grad(gradient != nullptr);
  const torch::Tensor loss = loss::cross_entropy(leaf, torch::full({1}, target, torch::kLong),
                                                 {.logits_check = loss::LogitsCheck::kNone});  // any table is explained
  if (gradient != nullptr) {
    loss.backward();
    *gradient = leaf.grad();
  }
  return loss.item<double>() + 0.0;
}

std::vector<SoftmaxTerm> softmax_terms_of(const torch::Tensor& z, const std::vector<std::string>& names) {
  const std::vector<double> activation = numbers_of(z);
  const std::vector<double> sigmoid = numbers_of(loss::sigmoid(z));
  const std::vector<double> exp = numbers_of((z - z.max()).exp());
  const std::vector<double> probability = numbers_of(loss::softmax(z));
  const std::vector<double> negative_log = numbers_of(loss::log_softmax(z).neg());
  std::vector<SoftmaxTerm> terms(names.size());
  for (std::size_t k = 0; k < terms.size(); ++k) {
    terms[k] = {.name = names[k],
                .activation = activation[k],
                .sigmoid = sigmoid[k],
                .exp = exp[k],
                .probability = probability[k],
                .negative_log = negative_log[k]};
  }
  return terms;
}

/// L + log(1 - p_j) has no digits left where p_j is nearly 1; there the loss itself is computed without class j.
double loss_without(const torch::Tensor& z, const SoftmaxRow& row, std::size_t j) {
  const double p = row.classes[j].probability;
  if (p < 0.5) return std::max(0.0, row.target->loss + std::log1p(-p));
  torch::Tensor others = z.clone();
  others[0][static_cast<std::int64_t>(j)] = -kInfinity;
  return loss_of(others, static_cast<std::int64_t>(row.target->index));
}

void find_gaps(const torch::Tensor& z, SoftmaxRow& row) {
  SoftmaxTarget& target = *row.target;
  if (target.loss == 0 || std::isinf(target.loss)) return;
  for (std::size_t j = 0; j < row.classes.size(); ++j) {
    if (j == target.index) continue;
    const double without = loss_without(z, row, j);
    const double share = std::clamp(1 - without / target.loss, 0.0, 1.0);
    row.classes[j].gap_share = share;
    if (!target.widest_gap || share > target.widest_gap->share) target.widest_gap = Gap{j, share, without};
  }
}

void add_softmax_target(const torch::Tensor& z, std::int64_t target, double step, SoftmaxRow& row) {
  torch::Tensor gradient;
  const double loss = loss_of(z, target, &gradient);
  const auto y = static_cast<std::size_t>(target);
  row.target = SoftmaxTarget{.index = y,
                             .probability = row.classes[y].probability,
                             .loss = loss,
                             .loss_after_step = loss_of(z - step * gradient, target)};
  const std::vector<double> numbers = numbers_of(gradient);
  for (std::size_t k = 0; k < numbers.size(); ++k) row.classes[k].gradient = numbers[k];
  find_gaps(z, row);
}

std::vector<std::int64_t> checked_softmax_targets(const torch::Tensor& targets, const torch::Tensor& logits) {
  const auto n = static_cast<std::size_t>(logits.size(0));
  if (!targets.defined()) return std::vector<std::int64_t>(n, -1);
  if (!at::isIntegralType(targets.scalar_type(), false) || targets.dim() != 1 || targets.size(0) != logits.size(0)) {
    throw std::invalid_argument(fmt::format("[softmax_xray] targets must be whole class indices [{}]", n));
  }
  const torch::Tensor whole = targets.to(torch::kCPU, torch::kLong).contiguous();
  std::vector<std::int64_t> result(whole.data_ptr<std::int64_t>(), whole.data_ptr<std::int64_t>() + n);
  for (std::size_t i = 0; i < n; ++i) {
    if (result[i] >= -1 && result[i] < logits.size(1)) continue;
    throw std::invalid_argument(fmt::format(
        "[softmax_xray] target {} at position {} is no class index; {} classes allow 0 to {}, and -1 for unknown",
        result[i], i, logits.size(1), logits.size(1) - 1));
  }
  return result;
}

void check_row(const torch::Tensor& z, const std::string& name) {
  if (!torch::isneginf(z).all().item<bool>()) return;
  throw std::invalid_argument(
      fmt::format("[softmax_xray] every activation of '{}' is -inf, so it has no softmax", name));
}

}  // namespace

std::size_t SoftmaxRow::best_class() const {
  const auto best = std::max_element(classes.begin(), classes.end(), [](const SoftmaxTerm& a, const SoftmaxTerm& b) {
    return a.probability < b.probability;
  });
  return static_cast<std::size_t>(best - classes.begin());
}

double SoftmaxRow::sum(double SoftmaxTerm::*column) const {
  return std::accumulate(classes.begin(), classes.end(), 0.0,
                         [column](double sum, const SoftmaxTerm& term) { return sum + term.*column; });
}

SoftmaxXray softmax_xray(const torch::Tensor& logits, const torch::Tensor& targets, const XrayOptions& options) {
  const XrayInput input("softmax_xray", logits, options);
  const std::vector<std::int64_t> checked = checked_softmax_targets(targets, input.logits);
  SoftmaxXray xray{.step = options.step, .temperature = options.temperature, .rows = {}, .summary = {}};
  std::vector<RowLoss> losses;
  for (std::size_t i = 0; i < checked.size(); ++i) {
    const torch::Tensor z = input.logits.narrow(0, static_cast<std::int64_t>(i), 1);  // [1,K]
    check_row(z, input.row_names[i]);
    SoftmaxRow& row =
        xray.rows.emplace_back(SoftmaxRow{input.row_names[i], softmax_terms_of(z, input.class_names), {}});
    if (checked[i] < 0) continue;
    add_softmax_target(z, checked[i], options.step, row);
    losses.push_back({row.name, row.target->loss});
  }
  xray.summary = summarize(losses);
  return xray;
}

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
  SigmoidXray xray{.step = options.step, .temperature = options.temperature, .rows = {}, .summary = {}};
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
