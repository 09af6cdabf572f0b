#include "margay/metric/accuracy.h"

#include <limits>
#include <stdexcept>

#include <torch/types.h>

namespace margay::metric {
namespace {

std::int64_t count_correct(const torch::Tensor& logits, const torch::Tensor& targets) {
  if (logits.dim() != 2 || targets.dim() != 1 || logits.size(0) != targets.size(0)) {
    throw std::invalid_argument("[accuracy] logits must be [N,K] and targets [N]");
  }
  return logits.argmax(1).eq(targets).sum().item<std::int64_t>();
}

double share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double accuracy(const torch::Tensor& logits, const torch::Tensor& targets) {
  return share(count_correct(logits, targets), targets.size(0));
}

double error_rate(const torch::Tensor& logits, const torch::Tensor& targets) { return 1.0 - accuracy(logits, targets); }

void Accuracy::reset() {
  correct_ = 0;
  seen_ = 0;
}

void Accuracy::update(const torch::Tensor& logits, const torch::Tensor& targets) {
  correct_ += count_correct(logits, targets);
  seen_ += targets.size(0);
}

double Accuracy::value() const { return share(correct_, seen_); }

}  // namespace margay::metric
