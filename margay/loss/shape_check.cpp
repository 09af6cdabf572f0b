#include "margay/loss/shape_check.h"

#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>

namespace margay::loss {
namespace {

std::string shape(const torch::Tensor& tensor) { return fmt::format("[{}]", fmt::join(tensor.sizes().vec(), ",")); }

std::vector<std::int64_t> without_classes(const torch::Tensor& logits) {
  std::vector<std::int64_t> sizes = logits.sizes().vec();
  sizes.erase(sizes.begin() + 1);
  return sizes;
}

void check_range(const char* function, const torch::Tensor& targets, std::int64_t classes) {
  if (targets.numel() == 0) return;
  const torch::Tensor bad = targets.lt(0).logical_or(targets.ge(classes)).flatten();
  if (!bad.any().item<bool>()) return;
  const auto row = bad.to(torch::kInt).argmax().item<std::int64_t>();
  throw std::invalid_argument(fmt::format("[{}] target {} at position {} is no class index; {} classes allow 0 to {}",
                                          function, targets.flatten()[row].item<std::int64_t>(), row, classes,
                                          classes - 1));
}

}  // namespace

void check_logits(const char* function, const torch::Tensor& logits) {
  const bool good = logits.is_floating_point() && logits.dim() >= 2 && logits.size(1) > 0;
  if (good) return;
  throw std::invalid_argument(fmt::format("[{}] logits must be floating [N,K] or [N,K,d1,…] with K > 0, got {} {}",
                                          function, std::string(logits.dtype().name()), shape(logits)));
}

void check_targets(const char* function, const torch::Tensor& logits, const torch::Tensor& targets) {
  if (targets.sizes() == logits.sizes()) {
    throw std::invalid_argument(
        fmt::format("[{}] targets have the logits' shape {}: they look one-hot; "
                    "pass class indices, targets.argmax(1)",
                    function, shape(targets)));
  }
  if (targets.is_floating_point() || targets.scalar_type() == torch::kBool) {
    throw std::invalid_argument(
        fmt::format("[{}] targets must be whole class indices, got {}", function, std::string(targets.dtype().name())));
  }
  const std::vector<std::int64_t> expected = without_classes(logits);
  if (targets.sizes().vec() != expected) {
    throw std::invalid_argument(fmt::format("[{}] targets must be [{}] for logits {}, got {}", function,
                                            fmt::join(expected, ","), shape(logits), shape(targets)));
  }
  check_range(function, targets, logits.size(1));
}

}  // namespace margay::loss
