#include "margay/metric/target_rank.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include <ATen/Parallel.h>
#include <fmt/format.h>

namespace margay::metric {
namespace {

constexpr std::int64_t kRowsOfPart = 1024;

std::int32_t rank_in_row(const float* logits, std::int64_t classes, std::int64_t target) {
  const float own = logits[target];
  std::int32_t rank = 0;
  for (std::int64_t k = 0; k < classes; ++k) rank += logits[k] > own || (logits[k] == own && k < target) ? 1 : 0;
  return rank;
}

void check_ranked(const torch::Tensor& logits, const torch::Tensor& targets) {
  if (logits.dim() != 2 || targets.dim() != 1 || logits.size(0) != targets.size(0)) {
    throw std::invalid_argument("[target_ranks] logits must be [N,K] and targets [N]");
  }
  const auto is_outside = (targets < 0).logical_or(targets >= logits.size(1));
  if (targets.size(0) == 0 || !is_outside.any().item<bool>()) return;
  const auto row = is_outside.nonzero()[0][0].item<std::int64_t>();
  throw std::invalid_argument(fmt::format("[target_ranks] row {} has target {}; classes are 0 … {}", row,
                                          targets[row].item<std::int64_t>(), logits.size(1) - 1));
}

}  // namespace

std::vector<std::int32_t> target_ranks(const torch::Tensor& logits, const torch::Tensor& targets) {
  check_ranked(logits, targets);
  const torch::Tensor indices = targets.to(torch::kCPU, torch::kLong).contiguous();
  std::vector<std::int32_t> ranks(static_cast<std::size_t>(targets.size(0)));
  for (std::int64_t first = 0; first < logits.size(0); first += kRowsOfPart) {
    const std::int64_t count = std::min(kRowsOfPart, logits.size(0) - first);
    const torch::Tensor part = logits.narrow(0, first, count).to(torch::kCPU, torch::kFloat).contiguous();
    at::parallel_for(0, count, 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        ranks[static_cast<std::size_t>(first + row)] = rank_in_row(
            part.data_ptr<float>() + row * part.size(1), part.size(1), indices.data_ptr<std::int64_t>()[first + row]);
      }
    });
  }
  return ranks;
}

double top_k_accuracy(const torch::Tensor& logits, const torch::Tensor& targets, std::int64_t k) {
  if (k < 1) throw std::invalid_argument(fmt::format("[top_k_accuracy] top_k must be 1 at least, got {}", k));
  const std::vector<std::int32_t> ranks = target_ranks(logits, targets);
  if (ranks.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto hits = std::count_if(ranks.begin(), ranks.end(), [&](std::int32_t rank) { return rank < k; });
  return static_cast<double>(hits) / static_cast<double>(ranks.size());
}

}  // namespace margay::metric
