#include "margay/train/batch_loss.h"

#include <limits>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/thrown_message.h"

namespace margay::train {
namespace {

using testing_support::thrown_message;

data::Dataset dataset() {
  const data::Items items = {{"a.jpg", "cat"}, {"b.jpg", "dog"}, {"c.jpg", "cat"}};
  return {std::make_shared<data::Items>(items), {0, 1, 2}, data::Vocabulary({"cat", "dog"})};
}

data::Batch batch(std::vector<std::int64_t> targets) {
  return {.images = {}, .targets = torch::tensor(targets, torch::kLong), .ids = {2, 0, 1}};
}

TEST(BatchLoss, NamesTheImageWhoseTargetIsNoClass) {
  const auto call = [] { batch_loss(training_loss({}), torch::zeros({3, 2}), batch({0, 1, 2}), dataset()); };
  EXPECT_EQ(thrown_message<core::DataError>(call),
            "b.jpg: its target 2 is no class index; the network's 2 classes allow 0 to 1");
}

TEST(BatchLoss, NamesTheImagesWithoutFiniteLogits) {
  torch::Tensor logits = torch::zeros({3, 2});
  logits[0][1] = std::numeric_limits<float>::infinity();
  const auto call = [&] { check_finite(std::nan(""), logits, batch({0, 1, 0}), dataset(), "step 7 of epoch 2"); };
  const std::string message = thrown_message<DivergedError>(call);
  EXPECT_EQ(message.find(
                "the loss is not a number in step 7 of epoch 2: the network's outputs are not finite for 1 of 3 images "
                "(c.jpg). "),
            0U)
      << message;
}

TEST(BatchLoss, NamesTheImagesWhoseFiniteLogitsMakeAnInfiniteLoss) {
  const torch::Tensor logits = torch::tensor({{3.4e38F, -3.4e38F}, {3.4e38F, -3.4e38F}, {0.0F, 0.0F}});
  const data::Batch of_three = batch({1, 1, 0});
  const double loss = batch_loss(training_loss({}), logits, of_three, dataset()).item<double>();
  const std::string message =
      thrown_message<DivergedError>([&] { check_finite(loss, logits, of_three, dataset(), "step 1 of epoch 1"); });
  EXPECT_NE(message.find("the loss itself overflows for 2 of 3 images (c.jpg, a.jpg)"), std::string::npos) << message;
}

TEST(BatchLoss, AFiniteLossIsFineAndNoLayerIsLookedFor) {
  bool was_asked = false;
  const auto find_layer = [&] {
    was_asked = true;
    return std::string("head");
  };
  EXPECT_NO_THROW(check_finite(3e38, torch::zeros({3, 2}), batch({0, 1, 0}), dataset(), "", find_layer));
  EXPECT_FALSE(was_asked);
}

}  // namespace
}  // namespace margay::train
