// The ways through the kernels that depend on the machine and on size: threads by rows, threads by columns, and
// gradients written past the caches.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "margay/loss/cross_entropy.h"
#include "margay/loss/cross_entropy_formula.h"

namespace margay::loss {
namespace {

class CrossEntropyThreads : public testing::Test {
 protected:
  ~CrossEntropyThreads() override { at::set_num_threads(before_); }

  static LossAndGradient with_threads(int threads, const torch::Tensor& logits, const torch::Tensor& targets) {
    at::set_num_threads(threads);
    return cross_entropy_with_gradient(logits, targets, {.label_smoothing = 0.1});
  }

 private:
  int before_ = at::get_num_threads();
};

TEST_F(CrossEntropyThreads, FewLongRowsShareTheirColumns) {
  for (const auto type : {torch::kFloat, torch::kBFloat16}) {
    for (const std::int64_t rows : {1, 2, 3}) {
      const torch::Tensor logits = torch::randn({rows, 70'001}).to(type);
      const torch::Tensor targets = torch::full({rows}, 69'999, torch::kLong);
      const LossAndGradient one = with_threads(1, logits, targets);
      const LossAndGradient four = with_threads(4, logits, targets);
      EXPECT_TRUE(torch::equal(one.loss, four.loss));
      EXPECT_TRUE(torch::equal(one.gradient, four.gradient));
    }
  }
}

TEST_F(CrossEntropyThreads, ManyRowsAreSharedWithTheSameResult) {
  const torch::Tensor logits = torch::randn({3000, 100});
  const torch::Tensor targets = torch::randint(100, {3000}, torch::kLong);
  const LossAndGradient one = with_threads(1, logits, targets);
  const LossAndGradient four = with_threads(4, logits, targets);
  EXPECT_TRUE(torch::equal(one.loss, four.loss));
  EXPECT_TRUE(torch::equal(one.gradient, four.gradient));
}

TEST_F(CrossEntropyThreads, GradientsTooLargeForTheCachesAreTheSame) {
  for (const std::int64_t classes : {30'016, 30'017}) {  // rows aligned to vectors, and not
    const torch::Tensor logits = torch::randn({300, classes});
    const torch::Tensor targets = torch::randint(classes, {300}, torch::kLong);
    const LossAndGradient large = with_threads(2, logits, targets);
    ASSERT_GT(large.gradient.nbytes(), 32U << 20U);
    const torch::Tensor few = logits.narrow(0, 290, 10).clone();
    const LossAndGradient small = with_threads(2, few, targets.narrow(0, 290, 10));
    EXPECT_LE((large.gradient.narrow(0, 290, 10) * 30 - small.gradient).abs().max().item<double>(), 1e-7);
  }
}

}  // namespace
}  // namespace margay::loss
