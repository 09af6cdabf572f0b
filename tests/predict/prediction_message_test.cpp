#include "margay/predict/prediction_message.h"

#include <gtest/gtest.h>

#include "margay/core/error.h"

namespace margay::predict {
namespace {

Predictions sent_predictions() {
  Predictions predictions;
  predictions.targets = torch::tensor({1, 0}, torch::kLong);
  predictions.p_known = torch::tensor({0.25, 0.5}, torch::kDouble);
  predictions.alpha = 0.05;
  predictions.ids = {7, 9};
  predictions.skipped = {{8, "cat\n.jpg: not an image"}};
  predictions.set_logits(torch::tensor({{1.F, 2.F, -3.5F}, {0.F, 1e-8F, 4.F}}), metric::Activation::kSoftmax, 1.5);
  return predictions;
}

TEST(PredictionMessage, BringsPredictionsToAnotherProcessBitForBit) {
  const Predictions sent = sent_predictions();
  const Predictions received = read_prediction_message(prediction_message(sent), metric::Activation::kSoftmax);
  EXPECT_TRUE(torch::equal(received.logits, sent.logits));
  EXPECT_TRUE(torch::equal(received.probabilities, sent.probabilities));
  EXPECT_TRUE(torch::equal(received.losses, sent.losses));
  EXPECT_TRUE(torch::equal(received.targets, sent.targets));
  EXPECT_TRUE(torch::equal(received.p_known, sent.p_known));
  EXPECT_FALSE(received.features.defined());
  EXPECT_EQ(received.temperature, 1.5);
  EXPECT_EQ(received.alpha, 0.05);
  EXPECT_EQ(received.ids, sent.ids);
  ASSERT_EQ(received.skipped.size(), 1U);
  EXPECT_EQ(received.skipped[0].id, 8U);
  EXPECT_EQ(received.skipped[0].problem, "cat\n.jpg: not an image");
}

TEST(PredictionMessage, HasNoRowsWhereOnlyImagesWereSkipped) {
  Predictions sent;
  sent.skipped = {{3, "broken.jpg: cut off"}};
  const Predictions received = read_prediction_message(prediction_message(sent), metric::Activation::kSoftmax);
  EXPECT_EQ(received.size(), 0);
  EXPECT_EQ(received.skipped.size(), 1U);
}

TEST(PredictionMessage, RefusesBytesThatAreCutOff) {
  const std::string message = prediction_message(sent_predictions());
  for (std::size_t length = 0; length < message.size(); ++length) {
    EXPECT_THROW(read_prediction_message(std::string_view(message).substr(0, length), metric::Activation::kSoftmax),
                 core::Error)
        << length;
  }
}

}  // namespace
}  // namespace margay::predict
