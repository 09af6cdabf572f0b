#include "margay/loss/jensen_shannon.h"

#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/loss/cross_entropy.h"
#include "margay/loss/input_check.h"
#include "margay/loss/reduction.h"

namespace margay::loss {
namespace {

/// log_p: [M,N,K,…]. Result: [N,…]. The mean is taken relative to each class's largest p: equal p give shares of
/// exactly 1 and a divergence of exactly 0, and what is too small for its exponential keeps its logarithm.
torch::Tensor divergence(const torch::Tensor& log_p) {
  const torch::Tensor top = log_p.detach().amax(0).clamp_min(std::numeric_limits<float>::lowest());
  const torch::Tensor relative = log_p - top;
  const torch::Tensor share = relative.exp().mean(0);
  const torch::Tensor log_ratio = relative - share.masked_fill(share == 0, 1).log();  // log(p / p̄)
  return weighted(log_p.exp(), log_ratio).sum(2).mean(0);
}

void check_alike(const std::vector<torch::Tensor>& logits) {
  if (logits.empty()) throw std::invalid_argument("[jensen_shannon] expected at least one tensor of logits, got none");
  for (const torch::Tensor& each : logits) {
    check_logits("jensen_shannon", each);
    if (each.sizes() == logits.front().sizes()) continue;
    throw std::invalid_argument(fmt::format("[jensen_shannon] all logits must have one shape, got [{}] and [{}]",
                                            core::joined(logits.front().sizes(), ","),
                                            core::joined(each.sizes(), ",")));
  }
}

}  // namespace

torch::Tensor jensen_shannon(const std::vector<torch::Tensor>& logits, Reduction reduction) {
  check_alike(logits);
  const torch::Tensor log_p = torch::log_softmax(at_least_float(torch::stack(logits)), 2);  // [M,N,K,…]
  return reduce(divergence(log_p), reduction);
}

torch::Tensor jsd_cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                const JsdCrossEntropyOptions& options) {
  core::validate(options);
  check_logits("jsd_cross_entropy", logits);
  const std::int64_t rows = logits.size(0) / options.num_splits;
  if (rows * options.num_splits != logits.size(0)) {
    throw std::invalid_argument(fmt::format(
        "[jsd_cross_entropy] logits [{}] must hold {} versions of each image, but {} rows cannot be split so",
        core::joined(logits.sizes(), ","), options.num_splits, logits.size(0)));
  }
  std::vector<std::int64_t> shape = logits.sizes().vec();
  shape[0] = rows;
  shape.insert(shape.begin(), options.num_splits);
  // The divergence first: cross_entropy may be asked to write its gradient over the logits.
  const torch::Tensor log_p = torch::log_softmax(at_least_float(logits), 1).reshape(shape);
  const torch::Tensor jsd =
      reduce(divergence(log_p), options.cross_entropy.reduction, options.cross_entropy.empty_mean);
  return cross_entropy(logits.narrow(0, 0, rows), targets, options.cross_entropy) + options.alpha * jsd;
}

const core::OptionTable& JsdCrossEntropyOptions::fields() {
  using O = JsdCrossEntropyOptions;
  static const core::OptionTable table(
      "jsd_cross_entropy",
      {core::field<&O::num_splits>("num_splits", "versions of each image in a batch, the clean one first", {1, 1e6}),
       core::field<&O::alpha>("alpha", "factor of the divergence", {0, 1e6}),
       core::field<&O::cross_entropy>("cross_entropy", "of the clean version, and the reduction of both")});
  return table;
}

}  // namespace margay::loss
