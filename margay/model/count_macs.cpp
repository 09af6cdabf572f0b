#include "margay/model/count_macs.h"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace margay::model {
namespace {

/// Matrix products, and which argument is the left factor.
constexpr std::array kProducts = {std::pair{"mm", 0},   std::pair{"bmm", 0},   std::pair{"mv", 0},
                                  std::pair{"dot", 0},  std::pair{"addmm", 1}, std::pair{"baddbmm", 1},
                                  std::pair{"addmv", 1}};
constexpr std::array kAttentions = {"scaled_dot_product_attention", "_scaled_dot_product_attention"};

std::optional<std::size_t> left_factor(std::string_view name) {
  for (const auto& [product, argument] : kProducts) {
    if (name == product) return argument;
  }
  return std::nullopt;
}

bool is_attention(std::string_view name) {
  for (const char* attention : kAttentions) {
    if (name == attention) return true;
  }
  return false;
}

/// Every number of the result, of a transposed convolution every one of the input, meets the weights of one channel.
std::int64_t convolution_macs(const WatchedOperator& op) {
  constexpr std::size_t kTransposed = 6;
  const torch::Tensor weight = op.inputs.at(1).toTensor();
  const torch::Tensor visited = (op.inputs.at(kTransposed).toBool() ? op.inputs : op.outputs).at(0).toTensor();
  return weight.numel() == 0 ? 0 : visited.numel() * (weight.numel() / weight.size(0));
}

/// q [...,L,E], k [...,S,E], v [...,S,V]: L·S·E + L·S·V for each head.
std::int64_t attention_macs(const WatchedOperator& op) {
  const torch::Tensor query = op.inputs.at(0).toTensor();
  const torch::Tensor key = op.inputs.at(1).toTensor();
  const torch::Tensor value = op.inputs.at(2).toTensor();
  const std::int64_t rows = query.numel() / query.size(-1);
  return rows * key.size(-2) * (query.size(-1) + value.size(-1));
}

}  // namespace

std::int64_t macs_of(const WatchedOperator& op) {
  if (op.name == "convolution") return convolution_macs(op);
  if (is_attention(op.name)) return attention_macs(op);
  const std::optional<std::size_t> left = left_factor(op.name);
  return left ? op.outputs.at(0).toTensor().numel() * op.inputs.at(*left).toTensor().size(-1) : 0;
}

std::int64_t MacCounter::add(const WatchedOperator& op) {
  const auto depth = static_cast<std::size_t>(op.depth);
  if (finished_.size() < depth + 2) finished_.resize(depth + 2, 0);
  const std::int64_t called = std::exchange(finished_[depth + 1], 0);
  const std::int64_t own = macs_of(op);
  const std::int64_t all = own > 0 ? own : called;
  finished_[depth] += all;
  return all;
}

}  // namespace margay::model
